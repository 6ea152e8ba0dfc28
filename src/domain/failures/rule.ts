/** What a rule of `causes/` is given and gives, and the words it is written in. */
import type { Client } from '../clients/client.ts'
import type { FailureRecord } from './record.ts'

/** What the server would have taken. */
export interface Known {
  issuer: string
  /** the client that the request named, as it is registered now */
  client: Client | undefined
  /** all ids; only where an operator reads: to strangers it would say which exist */
  clientIds: readonly string[]
  scopes: readonly string[]
  resources: readonly { audience: string; scopes: readonly string[] }[]
}

export interface Explanation {
  /** stable name, for example `redirect-uri-unregistered` */
  cause: string
  /** one sentence */
  summary: string
  sent?: string | undefined
  expected?: string | undefined
  /** the registered or known value that is most like the one sent */
  nearest?: string | undefined
  /** how the sent value differs from the nearest */
  difference?: string | undefined
  /** the one change that makes the request pass */
  change: string
  standard: Standard
}

export interface Standard {
  /** as in "RFC 6749, section 4.1.3" */
  name: string
  url: string
}

export type Rule = (failure: FailureRecord, known: Known) => Explanation | undefined

/** Whether the answer, or what the engine knows beyond it, says so. */
export function says(failure: FailureRecord, words: string | RegExp): boolean {
  const text = `${failure.description ?? ''}\n${failure.detail ?? ''}`
  return typeof words === 'string' ? text.includes(words) : words.test(text)
}

export function rfc(number: number, section: string): Standard {
  return {
    name: `RFC ${number}, section ${section}`,
    url: `https://www.rfc-editor.org/rfc/rfc${number}#section-${section}`,
  }
}

export function oidcCore(section: string): Standard {
  return {
    name: `OpenID Connect Core 1.0, section ${section}`,
    url: 'https://openid.net/specs/openid-connect-core-1_0.html',
  }
}

/** A member of the client's metadata that is a list of texts. */
export function listOf(client: Client | undefined, member: string): string[] {
  const value = client?.metadata[member]
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

export function textOf(client: Client | undefined, member: string): string | undefined {
  const value = client?.metadata[member]
  return typeof value === 'string' ? value : undefined
}
