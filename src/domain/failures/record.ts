/**
 * A failed request of the protocol as it is kept for a day: what was asked, without anything that opens a door
 * (`redact.ts`), and the short code that people quote.
 */
import type { Random } from '../ports.ts'

export interface FailureRecord {
  code: string
  requestId: string
  /** ISO 8601 */
  at: string
  /** the engine's name of the endpoint, for example `authorization` or `token` */
  endpoint: string
  method: string
  status: number
  /** as answered: `invalid_request`, … */
  error: string
  description?: string | undefined
  /** what the engine knows beyond its answer */
  detail?: string | undefined
  /** as named by the request, whether there is such a client or not */
  clientId?: string | undefined
  /** parameters by name; what is secret reads "present, 43 characters" */
  sent: Record<string, string>
  /** ways in which the client said who it is: `client_secret_basic`, …; more than one is a fault */
  presented: string[]
  /** what tokens made by the client say of themselves, unverified: `client_assertion`, `dpop`, `request` */
  jwts: Record<string, JwtFacts>
  /** what the client showed in TLS, where a proxy handed one on */
  certificate?: CertificateFacts | undefined
}

/** Of a client's certificate; all of it is public. */
export interface CertificateFacts {
  /** RFC 4514 */
  subject?: string | undefined
  problem?: 'unreadable' | 'expired' | 'not valid yet' | undefined
  /** the proxy has verified its chain */
  verified: boolean
}

/** Header and claims of a JWT that are no secret; times in seconds since 1970. */
export interface JwtFacts {
  alg?: string
  typ?: string
  iss?: string
  sub?: string
  aud?: string
  htm?: string
  htu?: string
  iat?: number
  exp?: number
  nbf?: number
  jti?: string
}

/** Nobody is sure of I, O, 0 and 1 on a screen. 32 characters, so a random byte gives one without bias. */
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
const LENGTH = 8

/** 8 characters, 40 random bits: enough to tell a day's failures apart; it opens nothing. */
export function newCode(random: Pick<Random, 'token'>): string {
  return [...Buffer.from(random.token(LENGTH), 'base64url')].map((byte) => ALPHABET[byte & 31]).join('')
}

/** As people read it: `ABCD-2345`. */
export function shownCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** What people type, with dashes, spaces and small letters. `undefined`: no code (it may be a request id). */
export function tidyFailureCode(input: string): string | undefined {
  const code = input.replace(/[\s-]/g, '').toUpperCase()
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : undefined
}
