/**
 * Token exchange (RFC 8693): an API that was called in a person's name gets a token to call the next API in that name.
 *
 * Whoever may do so was told by an operator (`token_exchange`). What comes out allows no more than what went in, lives no
 * longer, ends with it (`link.ts`), and says who acts. It cannot be bound to a key: the engine keeps its judgement of
 * DPoP proofs to itself, so whoever has to have bound tokens is refused rather than given bearer tokens.
 */
import type Provider from 'oidc-provider'
import {
  type AccessToken,
  type Client,
  errors,
  type KoaContextWithOIDC,
  type TokenEndpointGrantContext,
} from 'oidc-provider'
import type { RequestFacts } from '../../domain/audit/events.ts'
import {
  type Actor,
  actorChain,
  type ExchangePolicy,
  exchangePolicyOf,
  narrowedScopes,
  TOKEN_EXCHANGE,
} from '../../domain/exchange/policy.ts'
import type { AuditRepository } from '../../domain/ports.ts'
import type { ResourceServer } from '../../domain/resources/resource-server.ts'
import { type ResourceDeps, takesTokensOf, tokensFor } from '../resources.ts'
import { noteExchange } from './link.ts'
import { type Presented, type PresentedDeps, PresentedTokens } from './presented.ts'

export interface ExchangeDeps extends PresentedDeps, ResourceDeps {
  audit: AuditRepository
  /** the request as the front door recorded it */
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
}

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

interface Params extends Record<string, unknown> {
  subject_token?: string
  subject_token_type?: string
  actor_token?: string
  actor_token_type?: string
  requested_token_type?: string
  audience?: string | string[]
  resource?: string | string[]
  scope?: string
}

const PARAMS = [
  ...['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type'],
  ...['requested_token_type', 'audience', 'resource', 'scope'],
]

type Context = TokenEndpointGrantContext<Params>

export function registerTokenExchange(provider: Provider, deps: ExchangeDeps): void {
  const tokens = new PresentedTokens(provider, deps)
  const handler = (ctx: Context) => exchange(ctx, provider, tokens, deps)
  provider.registerGrantType<Params>(TOKEN_EXCHANGE, handler, PARAMS, ['audience', 'resource'])
}

async function exchange(
  ctx: Context,
  provider: Provider,
  tokens: PresentedTokens,
  deps: ExchangeDeps,
): Promise<void> {
  const { client, params } = ctx.oidc
  const policy = policyOf(ctx, client)
  checkTypes(params)
  const server = await targetOf(params, client, policy, deps)
  const subject = await tokens.read(String(params.subject_token), 'subject_token')
  const person = await exchangeable(subject, client, deps)
  const actor = await actorOf(params, client, policy, tokens)
  const act = actorChain(actor?.act, subject.act)
  if (act === false) throw new errors.InvalidRequest('too many have acted for the person already')

  const known = new Set(server.scopes.map(({ name }) => name))
  const asked = (params.scope ?? '').split(' ').filter((scope) => scope !== '')
  const scopes = narrowedScopes(asked, { shown: subject.scopes, known })
  if (!scopes)
    throw new errors.InvalidScope(
      'the subject token does not allow these scopes at the resource',
      params.scope ?? '',
    )

  const ends = Math.min(subject.exp, actor?.exp ?? subject.exp)
  const expiresIn = Math.min(server.tokenTtl, ends - Math.floor(Date.now() / 1000))
  if (expiresIn < 1)
    throw new errors.InvalidRequest('subject_token is not valid', 400, { detail: 'it ends now' })
  const token = newToken(provider, {
    ...{ client, accountId: person.accountId, gty: 'token_exchange', scope: scopes.join(' '), expiresIn },
    resourceServer: resourceServerOf(provider, server, deps),
  })
  noteExchange(ctx, { link: person.link, act })
  const value = await token.save()
  ctx.oidc.entity('AccessToken', token)
  await deps.audit.append({
    name: 'token.exchanged',
    outcome: 'success',
    userId: person.accountId,
    clientId: client.clientId,
    request: deps.factsOf(ctx),
    detail: {
      from: subject.clientId,
      audience: server.audience,
      scope: scopes.join(' '),
      mode: actor ? 'delegation' : 'impersonation',
      ...(actor ? { actor: actor.act.sub } : {}),
    },
  })
  ctx.body = {
    access_token: value,
    issued_token_type: ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: expiresIn,
    scope: token.scope,
  }
}

/** Nobody may, unless an operator said so. */
function policyOf(ctx: Context, client: Client): ExchangePolicy {
  const policy = exchangePolicyOf(client.token_exchange)
  if (!policy || client.clientAuthMethod === 'none')
    throw new errors.UnauthorizedClient('the client may not exchange tokens')
  const { dpopBoundAccessTokens, tlsClientCertificateBoundAccessTokens } = client as Client & {
    tlsClientCertificateBoundAccessTokens?: boolean
  }
  if (dpopBoundAccessTokens || tlsClientCertificateBoundAccessTokens || ctx.get('DPoP') !== '')
    throw new errors.InvalidRequest('tokens that are got by exchange cannot be bound to a key')
  return policy
}

/** RFC 8693 2.1 */
function checkTypes(params: Params): void {
  for (const kind of ['subject_token', 'actor_token'] as const) {
    const [token, type] = [params[kind], params[`${kind}_type`]]
    if (kind === 'subject_token' && token === undefined)
      throw new errors.InvalidRequest("missing required parameter 'subject_token'")
    if ((token === undefined) !== (type === undefined))
      throw new errors.InvalidRequest(`${kind} and ${kind}_type come together`)
    if (type !== undefined && type !== ACCESS_TOKEN && !(type === JWT && token?.includes('.')))
      throw new errors.InvalidRequest(`${kind}_type must be ${ACCESS_TOKEN}`)
  }
  const { requested_token_type: requested } = params
  if (requested !== undefined && requested !== ACCESS_TOKEN && requested !== JWT)
    throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN}`)
}

/** One API, by its resource indicator; `audience` says the same in other words. */
async function targetOf(
  params: Params,
  client: Client,
  policy: ExchangePolicy,
  { resources }: ExchangeDeps,
): Promise<ResourceServer> {
  const [target, ...others] = new Set([params.resource ?? [], params.audience ?? []].flat())
  if (target === undefined) throw new errors.InvalidRequest('resource or audience must name the API')
  if (others.length > 0) throw new errors.InvalidTarget('one resource at a time')
  if (!policy.audiences.includes(target))
    throw new errors.InvalidTarget('the client may not exchange tokens for this resource')
  const server = await resources.find(target)
  if (!server) throw new errors.InvalidTarget('the resource is not known here (RFC 8707 2)')
  if (!takesTokensOf(client.clientId, server))
    throw new errors.InvalidTarget('this client may not ask for the resource')
  if (params.requested_token_type === JWT && server.tokenFormat !== 'jwt')
    throw new errors.InvalidRequest('the resource takes no JWTs: leave requested_token_type out')
  return server
}

/** A person's token, shown by the app it was issued to or by the API it was sent to, of which both may be exchanged. */
async function exchangeable(
  { clientId, audience, person }: Presented,
  client: Client,
  { resources }: ExchangeDeps,
): Promise<NonNullable<Presented['person']>> {
  if (!person) throw new errors.InvalidRequest('subject_token is of no person')
  if (clientId !== client.clientId && audience !== client.clientId)
    throw new errors.InvalidRequest('subject_token was neither issued to this client nor for it')
  if (audience === undefined) return person
  const server = await resources.find(audience)
  if (!server?.exchangeable) throw new errors.InvalidRequest('tokens for this API cannot be exchanged')
  // A JWT outlives that, and the API would turn it away only if it asked.
  if (!takesTokensOf(clientId, server))
    throw new errors.InvalidRequest('subject_token is not valid', 400, {
      detail: 'its API takes no tokens of its client any more',
    })
  return person
}

/** Who acts: whoever the client shows a token of its own for, else, unless it may impersonate, the client itself. */
async function actorOf(
  params: Params,
  client: Client,
  policy: ExchangePolicy,
  tokens: PresentedTokens,
): Promise<{ act: Actor; exp?: number } | undefined> {
  if (params.actor_token === undefined)
    return policy.mode === 'delegation' ? { act: { sub: client.clientId } } : undefined
  const actor = await tokens.read(params.actor_token, 'actor_token')
  if (actor.clientId !== client.clientId)
    throw new errors.InvalidRequest('actor_token was not issued to this client')
  if (actor.sub === undefined)
    throw new errors.InvalidRequest('actor_token must be a JWT where people have pairwise names')
  return { act: { sub: actor.sub, ...(actor.person ? { client_id: client.clientId } : {}) }, exp: actor.exp }
}

/** Public in the engine's API and missing from its types. */
function resourceServerOf(provider: Provider, server: ResourceServer, deps: ExchangeDeps): unknown {
  const { ResourceServer } = provider as unknown as {
    ResourceServer: new (identifier: string, data: unknown) => unknown
  }
  return new ResourceServer(server.audience, tokensFor(server, deps.signingAlgorithms))
}

function newToken(provider: Provider, properties: object): AccessToken {
  return new provider.AccessToken(properties as ConstructorParameters<typeof provider.AccessToken>[0])
}
