/**
 * What an exchanged token hangs on: the grant (and the session) of the token it was made of, whose client is another
 * one. The engine knows grants of a token's own client only, so the link travels beside it: with an opaque token in its
 * row (`under`), where the database ends it with the grant; with a JWT sealed in a claim, for the next exchange.
 */
import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import type { Actor } from '../../domain/exchange/policy.ts'
import type { AtRest } from '../../storage/at-rest.ts'
import type { KnownResources } from '../known-resources.ts'

export interface Link {
  grantId: string
  /** of a token that ends with its session */
  sessionUid?: string | undefined
}

/** What this request is about to issue. */
export interface Exchanged {
  link: Link
  act: Actor | undefined
}

/** Private claim of JWTs whose API is exchangeable; nobody else can read it. */
export const LINK_CLAIM = 'grant_ref'

const exchanges = new WeakMap<object, Exchanged>()

export function noteExchange(ctx: object, exchanged: Exchanged): void {
  exchanges.set(ctx, exchanged)
}

export function exchangeOf(ctx: object | undefined): Exchanged | undefined {
  return ctx && exchanges.get(ctx)
}

export interface TokenClaimsDeps {
  atRest: Pick<AtRest, 'seal' | 'open'>
  resources: Pick<KnownResources, 'find'>
}

type Issued = (AccessToken | ClientCredentials) & {
  format?: string
  grantId?: string
  sessionUid?: string
  expiresWithSession?: boolean
}

/** The engine's `extraTokenClaims`. */
export function extraTokenClaims({ atRest, resources }: TokenClaimsDeps) {
  return async (
    ctx: KoaContextWithOIDC | undefined,
    token: AccessToken | ClientCredentials,
  ): Promise<Record<string, unknown> | undefined> => {
    const exchanged = exchangeOf(ctx)
    const issued = token as Issued
    const link = exchanged?.link ?? linkOf(issued)
    const api = link && issued.format === 'jwt' ? await resources.find(String(token.aud)) : undefined
    const claims = {
      ...(exchanged?.act ? { act: exchanged.act } : {}),
      ...(link && api?.exchangeable
        ? { [LINK_CLAIM]: atRest.seal(placeOf(issued.jti), JSON.stringify(link)).toString('base64url') }
        : {}),
    }
    return Object.keys(claims).length > 0 ? claims : undefined
  }
}

/** @returns undefined: sealed by nobody here, for another token, or under a key that is gone */
export function openLink(atRest: Pick<AtRest, 'open'>, jti: unknown, sealed: unknown): Link | undefined {
  if (typeof jti !== 'string' || typeof sealed !== 'string') return undefined
  try {
    return JSON.parse(atRest.open(placeOf(jti), Buffer.from(sealed, 'base64url'))) as Link
  } catch {
    return undefined
  }
}

export function linkOf(token: {
  grantId?: string | undefined
  sessionUid?: string | undefined
  expiresWithSession?: boolean | undefined
}): Link | undefined {
  const { grantId, sessionUid, expiresWithSession } = token
  return grantId === undefined ? undefined : { grantId, ...(expiresWithSession ? { sessionUid } : {}) }
}

/** Bound to the token it is in: no claim of one works in another. */
function placeOf(jti: string): string {
  return `at+jwt.${LINK_CLAIM}:${jti}`
}
