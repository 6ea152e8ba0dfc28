/**
 * One Grant per session and client, filled from what the person allowed before. The durable memory is `consents`;
 * a Grant ends with its session, so revoking on one device touches no other.
 */
import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import type { Consent } from '../domain/consents/consent.ts'
import type { ConsentRepository } from '../domain/ports.ts'
import { Unavailable } from './errors.ts'

/** What an authorization request asks for. */
export interface Asked {
  scopes: string[]
  claims: string[]
  resources: Record<string, string[]>
}

/**
 * The engine's `loadExistingGrant`: the grant of this interaction, else of this session, else a new one when
 * remembered consent (or the operator, for first-party clients) covers anything that is asked.
 */
export function loadExistingGrant(
  consents: Pick<ConsentRepository, 'find'>,
  isUnavailable: (error: unknown) => boolean,
) {
  const remembered = (userId: string, clientId: string) =>
    consents.find(userId, clientId).catch((error: unknown) => {
      throw isUnavailable(error) ? new Unavailable(error) : error
    })
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, session, account, result, provider } = ctx.oidc
    if (!client || !session || !account) return undefined
    const consented = result?.consent?.grantId
    const grantId = consented ?? session.grantIdFor(client.clientId)
    const found = grantId ? await provider.Grant.find(grantId) : undefined
    const grant =
      found?.accountId === account.accountId && found.clientId === client.clientId ? found : undefined
    if (consented) return grant
    const missing = without(asked(ctx), grant)
    // Whoever runs a program on somebody's machine may say it is the one the document is about: each session is asked.
    if (client.metadata_document === true) return grant
    const allowed =
      client.first_party === true
        ? missing
        : covered(missing, await remembered(account.accountId, client.clientId))
    if (isEmpty(allowed)) return grant
    const target = grant ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId })
    addTo(target, allowed)
    await target.save()
    return target
  }
}

/** What the request in hand asks for. */
export function asked(ctx: KoaContextWithOIDC): Asked {
  const { oidc } = ctx
  const wanted = oidc.requestParamScopes
  return {
    scopes: [...oidc.requestParamOIDCScopes],
    claims: [...oidc.requestParamClaims],
    resources: Object.fromEntries(
      Object.entries(oidc.resourceServers ?? {}).map(([indicator, server]) => [
        indicator,
        [...wanted].filter((scope) => server.scopes.has(scope)),
      ]),
    ),
  }
}

/** Adds scopes, claims and resource scopes to a Grant that is saved afterwards. */
export function addTo(grant: Grant, what: Asked): void {
  if (what.scopes.length > 0) grant.addOIDCScope(what.scopes.join(' '))
  if (what.claims.length > 0) grant.addOIDCClaims(what.claims)
  for (const [indicator, scopes] of Object.entries(what.resources))
    if (scopes.length > 0) grant.addResourceScope(indicator, scopes.join(' '))
}

function without(what: Asked, grant: Grant | undefined): Asked {
  if (!grant) return what
  const scopes = new Set(grant.getOIDCScopeEncountered().split(' '))
  const claims = new Set(grant.getOIDCClaimsEncountered())
  return {
    scopes: what.scopes.filter((scope) => !scopes.has(scope)),
    claims: what.claims.filter((claim) => !claims.has(claim)),
    resources: Object.fromEntries(
      Object.entries(what.resources).map(([indicator, wanted]) => {
        const has = new Set(grant.getResourceScopeEncountered(indicator).split(' '))
        return [indicator, wanted.filter((scope) => !has.has(scope))]
      }),
    ),
  }
}

/** The part of it that was allowed before. */
function covered(what: Asked, consent: Consent | undefined): Asked {
  if (!consent) return { scopes: [], claims: [], resources: {} }
  return {
    scopes: what.scopes.filter((scope) => consent.scopes.includes(scope)),
    claims: what.claims.filter((claim) => consent.claims.includes(claim)),
    resources: Object.fromEntries(
      Object.entries(what.resources).map(([indicator, wanted]) => [
        indicator,
        wanted.filter((scope) => consent.resources[indicator]?.includes(scope)),
      ]),
    ),
  }
}

function isEmpty(what: Asked): boolean {
  return (
    what.scopes.length === 0 &&
    what.claims.length === 0 &&
    Object.values(what.resources).every((scopes) => scopes.length === 0)
  )
}
