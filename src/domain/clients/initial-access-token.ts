/** A token with which an operator lets applications register themselves (RFC 7591 3): how long, how often, as what. */
import type { RegistrationPolicy } from './registration-policy.ts'

export interface InitialAccessToken {
  id: string
  /** for people */
  name: string
  policy: RegistrationPolicy
  /** registrations it is good for; undefined: any number */
  usesLeft: number | undefined
  /** how many clients may be there by it at one time; undefined: any number */
  maxClients: number | undefined
  /** clients that are there by it */
  clients: number
  expiresAt: Date | undefined
  revokedAt: Date | undefined
  usedAt: Date | undefined
  createdAt: Date
}

/** `digest`: keyed, of the value, which is shown once and kept nowhere. */
export type NewInitialAccessToken = Pick<
  InitialAccessToken,
  'id' | 'name' | 'policy' | 'usesLeft' | 'maxClients'
> & { digest: Buffer; ttlSeconds: number | undefined }

/** By what a client came to be. */
export type Admission =
  /** the operator's own word: the configured token, or a client that is not of registration */
  | { kind: 'operator' }
  /** nobody's: `REGISTRATION=open` */
  | { kind: 'open' }
  | { kind: 'token'; token: InitialAccessToken }

/** Names the token's digest among other digests. */
export const TOKEN_PURPOSE = 'initial-access-token'

/** Why it lets nobody in; undefined: it does. What is decided at last is decided where the client is written. */
export function closedBecause(token: InitialAccessToken, now: Date): string | undefined {
  if (token.revokedAt) return 'the initial access token was revoked'
  if (token.expiresAt && token.expiresAt <= now) return 'the initial access token has expired'
  if (token.usesLeft === 0) return 'the initial access token is used up'
  if (token.maxClients !== undefined && token.clients >= token.maxClients)
    return 'the initial access token has as many clients as it may have'
  return undefined
}
