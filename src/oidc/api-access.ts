/**
 * The API as a resource server of this very issuer. Its tokens are opaque and looked up at each request, with the grant
 * they hang on and the person: whatever ends access (docs/decisions/0016-what-ends-what.md) ends it here, on every node,
 * with the next request (docs/decisions/0027-tokens-of-the-api.md).
 */
import { createHash } from 'node:crypto'
import type { AccessToken, ClientCredentials } from 'oidc-provider'
import { apiPermissionsOf } from '../domain/clients/api-access.ts'
import type { Bearer, Presented, ReadBearer } from '../domain/permissions/bearer.ts'
import { TokenRefused } from '../domain/permissions/bearer.ts'
import { OWN, PERMISSION_NAMES, PERMISSIONS } from '../domain/permissions/permissions.ts'
import type { Ephemeral } from '../domain/ports.ts'
import { DEFAULTS, type ResourceServer } from '../domain/resources/resource-server.ts'
import type { UsableAccount } from './account.ts'
import { ProofFault, REPLAY_WINDOW, readProof } from './dpop-proof.ts'
import type { Engine } from './engine.ts'
import { isStranger } from './strangers.ts'

/** seconds */
const TOKEN_TTL = 600
/** RFC 6750 2.1 */
const CREDENTIALS = /^(Bearer|DPoP) ([A-Za-z0-9\-._~+/]+=*)$/i

export function apiAudience(issuer: string): string {
  return `${issuer}/api`
}

export function apiResourceServer(issuer: string): ResourceServer {
  return {
    ...DEFAULTS,
    audience: apiAudience(issuer),
    name: 'Ostiary',
    scopes: PERMISSION_NAMES.map((name) => ({ name, description: PERMISSIONS[name] })),
    // Nobody is asked to lend the keys of the house to an application that came by itself.
    scopesOfStrangers: OWN,
    tokenTtl: TOKEN_TTL,
    tokenFormat: 'opaque',
    source: 'built-in',
    status: 'active',
  }
}

export interface ApiAccessDeps {
  engine: Engine
  account: UsableAccount
  ephemeral: Pick<Ephemeral, 'putOnce'>
  audience: string
}

/** With what binds it to a key (RFC 9449 6.1) or to a certificate (RFC 8705 3.1), which the types do not know. */
type Token = (AccessToken | ClientCredentials) & { jkt?: string; 'x5t#S256'?: string; sessionUid?: string }

export function readBearer({ engine, account, ephemeral, audience }: ApiAccessDeps): ReadBearer {
  return async (presented: Presented): Promise<Bearer> => {
    if (presented.authorization === '') throw new TokenRefused('token_missing', 'an access token is needed')
    const [, scheme = '', value = ''] = CREDENTIALS.exec(presented.authorization) ?? []
    const { provider } = engine
    const token = value === '' ? undefined : await tokenOf(provider, value)
    if (!token || ![token.aud].flat().includes(audience)) throw invalid('not a token of this API')
    await checkKey(token, scheme, value, presented, ephemeral)
    if (!isOfPerson(token)) return onOwnAccount(provider, token)
    const [client, grant, user] = await Promise.all([
      provider.Client.find(String(token.clientId)),
      provider.Grant.find(String(token.grantId), { ignoreExpiration: true }),
      account(token.accountId, undefined),
    ])
    const isGranted =
      grant && !grant.isExpired && grant.clientId === token.clientId && grant.accountId === token.accountId
    if (!client || !user || !isGranted) throw invalid('what it was issued for has ended')
    const { sessionUid, exp } = token
    return {
      ...{ userId: user.id, clientId: client.clientId, scopes: [...token.scopes] },
      ...{ sessionUid, expiresAt: exp ?? 0 },
    }
  }
}

async function tokenOf(provider: Engine['provider'], value: string): Promise<Token | undefined> {
  const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value))
  return token as Token | undefined
}

function isOfPerson(token: Token): token is Token & AccessToken & { accountId: string } {
  return 'accountId' in token && token.accountId !== undefined
}

/** RFC 6749 4.4: nobody signed in. What the operator allows the client now counts, not when the token was issued. */
async function onOwnAccount(provider: Engine['provider'], token: Token): Promise<Bearer> {
  const client = await provider.Client.find(String(token.clientId))
  const allowed = client && !isStranger(client) ? apiPermissionsOf(client) : []
  if (!client || allowed.length === 0) throw invalid('what it was issued for has ended')
  const permissions = new Set(allowed)
  return {
    ...{ userId: undefined, clientId: client.clientId, scopes: [...token.scopes], permissions },
    ...{ sessionUid: undefined, expiresAt: token.exp ?? 0 },
  }
}

/** RFC 9449 7.1: a bound token needs its key, and is no bearer token; one that is not bound takes no proof. */
async function checkKey(
  token: Token,
  scheme: string,
  value: string,
  presented: Presented,
  ephemeral: Pick<Ephemeral, 'putOnce'>,
): Promise<void> {
  // No certificate reaches us here; without it the token would be a bearer's.
  if (token['x5t#S256'] !== undefined) throw invalid('the token is bound to a certificate')
  const bound = token.jkt !== undefined
  if (bound !== (scheme.toLowerCase() === 'dpop'))
    throw invalid(bound ? 'the token is bound to a key' : 'the token is not bound to a key')
  if (!bound) return
  if (presented.proof === '') throw unproven('a DPoP proof is needed')
  const { thumbprint, jti, ath } = await readProof(presented.proof, presented).catch((error: unknown) => {
    throw error instanceof ProofFault ? unproven(error.message) : error
  })
  if (ath !== createHash('sha256').update(value).digest('base64url'))
    throw unproven('DPoP proof ath mismatch')
  if (thumbprint !== token.jkt) throw invalid('the proof was made with another key')
  if (!(await ephemeral.putOnce(`api:dpop:${thumbprint}:${jti}`, '1', REPLAY_WINDOW)))
    throw unproven('DPoP proof JWT Replay detected')
}

function unproven(detail: string): TokenRefused {
  return new TokenRefused('invalid_dpop_proof', detail)
}

function invalid(detail: string): TokenRefused {
  return new TokenRefused('invalid_token', detail)
}
