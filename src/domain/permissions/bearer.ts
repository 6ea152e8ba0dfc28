import type { Permission } from './permissions.ts'

/** What an access token of the API says once it has been found to be good. */
export type Bearer = {
  /** the app that holds it */
  clientId: string
  scopes: readonly string[]
  /** names the session the token is of; undefined: of none */
  sessionUid: string | undefined
  /** epoch seconds */
  expiresAt: number
} & (
  | { userId: string }
  /** the app itself (client credentials), with what an operator allows it at this moment */
  | { userId: undefined; permissions: ReadonlySet<Permission> }
)

/** How a program proves itself to the API. */
export interface Presented {
  /** the `Authorization` header, as it came */
  authorization: string
  /** the `DPoP` header (RFC 9449 4), as it came */
  proof: string
  method: string
  /** address of the request without query and fragment */
  url: string
}

/** RFC 6750 3.1, RFC 9449 7.1. */
export type TokenFault = 'token_missing' | 'invalid_token' | 'invalid_dpop_proof'

export class TokenRefused extends Error {
  readonly fault: TokenFault

  constructor(fault: TokenFault, detail: string) {
    super(detail)
    this.name = 'TokenRefused'
    this.fault = fault
  }
}

/** @throws TokenRefused, and what the stores throw when they are away */
export type ReadBearer = (presented: Presented) => Promise<Bearer>
