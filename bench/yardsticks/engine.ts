/**
 * Yardstick 2: the engine alone. oidc-provider with everything in memory, the same features, lifetimes, rotation, token
 * formats and algorithms as Ostiary, and none of what Ostiary adds: no database, no log, no audit, no security headers.
 * Nothing of it is imported from Ostiary but the paths: a yardstick does not change with what it measures.
 */
import { exportJWK, generateKeyPair } from 'jose'
import Koa from 'koa'
import mount from 'koa-mount'
import Provider, { type Adapter, type AdapterPayload, type Configuration } from 'oidc-provider'
import { ENDPOINTS } from '../../src/oidc/routes.ts'
import { ADMINISTRATOR, API, API_SCOPE, BROWSER_APP, SCOPE, SERVICE } from '../lib/clients.ts'

const port = Number(process.argv[2])
const COOKIE_KEYS = ['a key of the benchmark that protects nothing']
const issuer = String(process.argv[3])

/** The engine's own keeps 1,000 entries and forgets the rest, which a benchmark would notice. */
class MemoryAdapter implements Adapter {
  static readonly #payloads = new Map<string, AdapterPayload>()
  static readonly #sessions = new Map<string, string>()
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    MemoryAdapter.#payloads.set(this.#model + id, payload)
    if (this.#model === 'Session' && payload.uid) MemoryAdapter.#sessions.set(payload.uid, id)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return MemoryAdapter.#payloads.get(this.#model + id)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const id = MemoryAdapter.#sessions.get(uid)
    return id === undefined ? undefined : this.find(id)
  }

  async findByUserCode(): Promise<undefined> {}

  async consume(id: string): Promise<void> {
    const payload = await this.find(id)
    if (payload) payload.consumed = Math.floor(Date.now() / 1000)
  }

  async destroy(id: string): Promise<void> {
    MemoryAdapter.#payloads.delete(this.#model + id)
  }

  async revokeByGrantId(): Promise<void> {}
}

async function key(alg: 'ES256' | 'RS256') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  return { ...(await exportJWK(privateKey)), kid: alg, alg, use: 'sig' }
}

const MINUTE = 60
const DAY = 86_400
const LIFETIMES: NonNullable<Configuration['ttl']> = {
  AccessToken: 10 * MINUTE,
  ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? 10 * MINUTE,
  AuthorizationCode: MINUTE,
  IdToken: 10 * MINUTE,
  Interaction: 60 * MINUTE,
  RefreshToken: 30 * DAY,
  Grant: 90 * DAY,
  Session: DAY,
}

const configuration: Configuration = {
  adapter: MemoryAdapter,
  clients: [SERVICE, BROWSER_APP],
  jwks: { keys: [await key('ES256'), await key('RS256')] } as NonNullable<Configuration['jwks']>,
  routes: ENDPOINTS,
  scopes: ['openid', 'offline_access', 'profile', 'email', 'address', 'phone'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  responseTypes: ['code'],
  pkce: { required: () => true },
  cookies: { keys: COOKIE_KEYS },
  ttl: LIFETIMES,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  expiresWithSession: async (_ctx, source) => !source.scopes.has('offline_access'),
  findAccount: async (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: ADMINISTRATOR.email, email_verified: true }),
  }),
  // As the engine does by itself, and makes the first one without asking.
  async loadExistingGrant({ oidc }) {
    const { session, client, provider } = oidc
    const known = client && session?.grantIdFor(client.clientId)
    const existing = known ? await provider.Grant.find(known) : undefined
    if (existing) return existing
    const grant = new provider.Grant({ accountId: session?.accountId, clientId: client?.clientId })
    grant.addOIDCScope(SCOPE)
    await grant.save()
    return grant
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    registration: { enabled: true, initialAccessToken: true },
    registrationManagement: { enabled: true },
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: true },
    dPoP: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async () => ({
        ...{ audience: API, scope: API_SCOPE, accessTokenTTL: 300, accessTokenFormat: 'jwt' },
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
}

const provider = new Provider(issuer, configuration)
provider.proxy = true
// Mounted, the engine signs its cookies with the outer application's keys.
const app = new Koa({ keys: COOKIE_KEYS, proxy: true })
// Whoever asks is signed in: what is measured comes after.
app.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next()
  const to = await provider.interactionResult(ctx.req, ctx.res, { login: { accountId: 'bench' } })
  ctx.redirect(to)
})
app.use(mount(provider as unknown as Koa))
const server = app.listen(port, '127.0.0.1', () => process.send?.('ready'))
server.keepAliveTimeout = 65_000
process.on('disconnect', () => process.exit())
