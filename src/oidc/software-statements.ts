/**
 * Software statements (RFC 7591 2.3): what an issuer that the operator trusts says of an application wins over what the
 * application says of itself. Where no issuer is trusted, statements are ignored (RFC 7591 3.1.1).
 */
import * as jose from 'jose'
import { errors } from 'oidc-provider'
import type { StatementIssuer } from '../config/config.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { OPERATOR_METADATA } from './client-adapter.ts'
import { Unavailable } from './errors.ts'

export interface SoftwareStatementsDeps {
  issuers: readonly StatementIssuer[]
  /** of this server, for statements that say who they are for */
  audience: string
  outbound: Pick<Outbound, 'fetch'>
}

const ALGORITHMS = ['ES256', 'ES384', 'PS256', 'EdDSA', 'Ed25519', 'RS256']
/** A statement says so or says nothing; a JWT made for another use is none (RFC 8725 3.11). */
const TYPES = [undefined, 'jwt', 'software-statement+jwt']
const TOLERANCE_SECONDS = 10
const FETCH_MS = 2_500
const BYTES_MAX = 16_384

/** Claims of the JWT itself, and members that nobody outside decides. */
const NOT_METADATA = new Set<string>([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'software_statement'],
  ...['client_id', 'client_secret', 'client_id_issued_at', 'client_secret_expires_at'],
  ...['registration_access_token', 'registration_client_uri'],
  ...OPERATOR_METADATA,
])

type Keys = Parameters<typeof jose.jwtVerify>[1]

export class SoftwareStatements {
  readonly #audience: string
  readonly #keys: ReadonlyMap<string, Keys>

  constructor({ issuers, audience, outbound }: SoftwareStatementsDeps) {
    this.#audience = audience
    this.#keys = new Map(issuers.map((issuer) => [issuer.issuer, keysOf(issuer, outbound)]))
  }

  /**
   * Puts what the statement says in the place of what the application says.
   * @param before the statement of a client that changes itself: it may not go on without one, and the same one is good
   *   although it may have expired since
   * @throws InvalidSoftwareStatement, UnapprovedSoftwareStatement (RFC 7591 3.2.2)
   */
  async apply(properties: Record<string, unknown>, before?: string): Promise<void> {
    const statement = properties.software_statement
    if (statement === undefined || statement === null || statement === '') {
      if (before !== undefined) invalid('software_statement is missing: the client registered with one')
      delete properties.software_statement
      return
    }
    if (typeof statement !== 'string' || statement.length > BYTES_MAX) invalid('it must be a signed JWT')
    if (this.#keys.size === 0 && before === undefined) {
      delete properties.software_statement
      return
    }
    const claims = statement === before ? jose.decodeJwt(statement) : await this.#verify(statement)
    for (const [name, value] of Object.entries(claims)) if (!NOT_METADATA.has(name)) properties[name] = value
  }

  async #verify(statement: string): Promise<jose.JWTPayload> {
    const { issuer, type } = read(statement)
    if (!TYPES.includes(type)) invalid(`its typ is "${type}": it was made for another use`)
    const keys = issuer === undefined ? undefined : this.#keys.get(issuer)
    if (issuer === undefined || !keys)
      throw new errors.UnapprovedSoftwareStatement(
        issuer === undefined ? 'it does not say who issued it (iss)' : 'its issuer is not trusted here',
      )
    try {
      const { payload } = await jose.jwtVerify(statement, keys, {
        algorithms: ALGORITHMS,
        clockTolerance: TOLERANCE_SECONDS,
        issuer,
        requiredClaims: ['iat'],
        // Checks besides that it was not issued in the future.
        maxTokenAge: Number.MAX_SAFE_INTEGER,
      })
      if (payload.aud !== undefined && ![payload.aud].flat().includes(this.#audience))
        invalid('it is for another server (aud)')
      return payload
    } catch (error) {
      if (error instanceof errors.OIDCProviderError) throw error
      if (isUnreachable(error)) throw new Unavailable(error)
      return invalid(reasonOf(error), error)
    }
  }
}

function keysOf({ jwks, jwksUri }: StatementIssuer, outbound: SoftwareStatementsDeps['outbound']): Keys {
  if (jwks) return jose.createLocalJWKSet(jwks as unknown as jose.JSONWebKeySet)
  return jose.createRemoteJWKSet(new URL(String(jwksUri)), {
    timeoutDuration: FETCH_MS,
    [jose.customFetch]: (url, { method, headers, signal }) =>
      outbound.fetch(url, { method, headers, signal }),
  })
}

function read(statement: string): { issuer: string | undefined; type: string | undefined } {
  try {
    const { typ } = jose.decodeProtectedHeader(statement)
    const { iss } = jose.decodeJwt(statement)
    return {
      issuer: typeof iss === 'string' ? iss : undefined,
      type: typ?.toLowerCase().replace(/^application\//, ''),
    }
  } catch (error) {
    return invalid('it must be a signed JWT', error)
  }
}

/** Of the issuer's keys, not of the statement. */
function isUnreachable(error: unknown): boolean {
  return (
    !(error instanceof jose.errors.JOSEError) ||
    error instanceof jose.errors.JWKSTimeout ||
    error.code === 'ERR_JOSE_GENERIC'
  )
}

function reasonOf(error: unknown): string {
  if (error instanceof jose.errors.JWTExpired) return 'it has expired (exp)'
  if (error instanceof jose.errors.JWTClaimValidationFailed) return `its ${error.claim} is missing or wrong`
  if (error instanceof jose.errors.JOSEAlgNotAllowed)
    return `it is signed with an algorithm that is not accepted; accepted: ${ALGORITHMS.join(', ')}`
  return 'it is not signed with a key of its issuer'
}

function invalid(reason: string, cause?: unknown): never {
  throw new errors.InvalidSoftwareStatement(
    reason.startsWith('software_statement') ? reason : `software_statement: ${reason}`,
    { cause },
  )
}
