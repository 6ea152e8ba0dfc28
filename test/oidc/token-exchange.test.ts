/** RFC 8693: an API that is called in a person's name calls the next one in that name. */
import { expect } from 'chai'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { Access } from '../../src/domain/access/service.ts'
import { Explainer, findFailure } from '../../src/domain/failures/service.ts'
import { createPerson } from '../support/people.ts'
import {
  type Answer,
  discoverPublic,
  JANE,
  newAgent,
  onEveryStack,
  post,
  type SendOptions,
  signIn,
} from '../support/protocol.ts'
import { begin, discover, publicClient, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TYPES = 'urn:ietf:params:oauth:token-type:'
const ACCESS_TOKEN = `${TYPES}access_token`
/** JWTs */
const ORDERS = 'https://orders.example'
/** opaque */
const STOCK = 'https://stock.example'
/** opaque, further down */
const SHELF = 'https://shelf.example'
/** whose tokens stay where they are */
const VAULT = 'https://vault.example'
const SHORT = 'https://short.example'

const apis = [
  { audience: ORDERS, scopes: ['read', 'write', 'orders:admin'], exchangeable: true },
  { audience: STOCK, scopes: ['read', 'write', 'count'], tokenFormat: 'opaque', exchangeable: true },
  { audience: SHELF, scopes: ['read'], tokenFormat: 'opaque' },
  { audience: VAULT, scopes: ['read'] },
  { audience: SHORT, scopes: ['read'], tokenTtl: 30 },
]
const settings = { RESOURCE_SERVERS: JSON.stringify(apis), INITIAL_ACCESS_TOKEN: 'i'.repeat(40) }
const api = (id: string, tokenExchange: object | undefined, more: object = {}) =>
  webClient({
    ...{ client_id: id, redirect_uris: [], response_types: [] },
    grant_types: ['client_credentials', EXCHANGE],
    token_exchange: tokenExchange,
    ...more,
  })
const clients = [
  webClient(),
  webClient({
    client_id: 'console',
    grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
    token_exchange: { audiences: [STOCK, ORDERS], mode: 'impersonation' },
  }),
  publicClient(),
  api(ORDERS, { audiences: [STOCK, SHORT, VAULT, 'https://gone.example'] }),
  api(STOCK, { audiences: [SHELF, STOCK] }),
  api(VAULT, { audiences: [STOCK] }),
  api(SHELF, { audiences: [STOCK] }),
  api('bystander', { audiences: [STOCK] }),
  api('former', { audiences: [STOCK] }),
]
const as = (id: string): SendOptions => ({ basic: [id, RP_SECRET] })

const failureLimits = { perNetwork: 1_000, perClient: 1_000, inAll: 1_000 }

onEveryStack('token exchange', { settings, overrides: { clients, failureLimits } }, (app) => {
  /** A person's token for an API, by an app. */
  async function subjectToken(
    resource = ORDERS,
    options: Parameters<typeof signIn>[2] & { scope?: string } = {},
  ) {
    const scope = options.scope ?? 'openid read write'
    const rp = await discover(app.issuer)
    return signIn(rp, { scope, resource, prompt: 'consent' }, { ...options, exchange: { resource } })
  }
  const exchange = (
    form: Record<string, string | string[]>,
    id = ORDERS,
    options: SendOptions = {},
  ): Promise<Answer> =>
    post(
      `${app.issuer}/token`,
      { grant_type: EXCHANGE, subject_token_type: ACCESS_TOKEN, resource: STOCK, ...form },
      { ...as(id), ...options },
    )
  const introspect = async (token: string, id: string) =>
    (await post(`${app.issuer}/introspect`, { token }, as(id))).json
  const refused = ({ status, json }: Answer) => [status, json.error]
  const machine = async (id: string) =>
    (await post(`${app.issuer}/token`, { grant_type: 'client_credentials' }, as(id))).json.access_token

  /** While the grant type stays. Other nodes would see it within a second, and so does this one. */
  async function takePolicyAway() {
    await app.sql.query(`update clients set metadata = metadata - 'token_exchange' where id = 'former'`)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }

  it('gives the API that was called a token for the next one, which names both (2.2.1, 4.1)', async () => {
    const { tokens, sub } = await subjectToken()
    const { status, json, headers } = await exchange({ subject_token: tokens.access_token, scope: 'read' })
    expect([status, headers.get('cache-control')]).to.deep.equal([200, 'no-store'])
    expect(json).to.include({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', scope: 'read' })
    expect(json).to.not.have.any.keys('refresh_token', 'id_token')
    expect(json.expires_in).to.be.within(290, 300)
    const seen = await introspect(json.access_token, STOCK)
    expect(seen).to.deep.include({
      active: true,
      sub,
      aud: STOCK,
      scope: 'read',
      client_id: ORDERS,
      act: { sub: ORDERS },
    })
    expect(seen.exp).to.be.at.most(Number(decodeJwt(tokens.access_token).exp))
    const [record] = await app.sql.query<{ user_id: string; client_id: string; detail: object }>(
      `select user_id, client_id, detail from audit_events where name = 'token.exchanged' order by id desc limit 1`,
    )
    expect(record).to.deep.equal({
      ...{ user_id: sub, client_id: ORDERS },
      detail: { from: 'web', audience: STOCK, scope: 'read', mode: 'delegation', actor: ORDERS },
    })
  })

  it('is spoken by openid-client, and gives all scopes that both sides know when none is asked', async () => {
    const { tokens } = await subjectToken()
    const rp = await discover(app.issuer, ORDERS)
    expect(rp.serverMetadata().grant_types_supported).to.include(EXCHANGE)
    const got = await client.genericGrantRequest(rp, EXCHANGE, {
      ...{ subject_token: tokens.access_token, subject_token_type: ACCESS_TOKEN, audience: STOCK },
      requested_token_type: ACCESS_TOKEN,
    })
    expect(got.scope).to.equal('read write')
  })

  it('passes on along a chain and keeps everybody who acted (4.1)', async () => {
    const { tokens, sub } = await subjectToken()
    const first = await exchange({ subject_token: tokens.access_token })
    const second = await exchange({ subject_token: first.json.access_token, resource: SHELF }, STOCK)
    expect(second.json).to.include({ scope: 'read' })
    const seen = await introspect(second.json.access_token, 'console')
    expect(seen).to.deep.equal({ active: false }, 'no business of theirs')
    const stored = await app.app.storage.artifacts.find('AccessToken', second.json.access_token)
    expect(stored).to.deep.include({ accountId: sub, extra: { act: { sub: STOCK, act: { sub: ORDERS } } } })
    let token = first.json.access_token
    const answers: string[] = []
    for (let step = 0; step < 6; step += 1) {
      const answer = await exchange({ subject_token: token, resource: STOCK }, STOCK)
      answers.push(answer.json.error ?? 'ok')
      token = answer.json.access_token ?? token
    }
    expect(answers).to.deep.equal(['ok', 'ok', 'ok', 'ok', 'invalid_request', 'invalid_request'])
  })

  it('gives JWTs that APIs verify by themselves, without a word about who holds what here', async () => {
    const { tokens, sub } = await signIn(
      await discover(app.issuer, 'console'),
      {
        ...{ scope: 'openid read', resource: STOCK },
        prompt: 'consent',
      },
      { exchange: { resource: STOCK } },
    )
    const { json } = await exchange({ subject_token: tokens.access_token, resource: ORDERS }, 'console')
    const keys = createRemoteJWKSet(new URL(`${app.issuer}/jwks`))
    const options = { issuer: app.issuer, audience: ORDERS, typ: 'at+jwt' }
    const { payload } = await jwtVerify(json.access_token, keys, options)
    expect(payload).to.include({ sub, client_id: 'console', scope: 'read' })
    // Impersonation, which this client may: nobody else is named.
    expect(payload).to.not.have.property('act')
    const again = await exchange({ subject_token: json.access_token, resource: STOCK }, ORDERS)
    expect((await introspect(again.json.access_token, STOCK)).act).to.deep.equal({ sub: ORDERS })
  })

  it('names as actor whoever the client shows a token of its own for', async () => {
    const { tokens } = await subjectToken()
    const form = { subject_token: tokens.access_token, actor_token_type: ACCESS_TOKEN }
    const own = await exchange({ ...form, actor_token: await machine(ORDERS) })
    expect((await introspect(own.json.access_token, STOCK)).act).to.deep.equal({ sub: ORDERS })
    const foreign = await exchange({ ...form, actor_token: await machine('bystander') })
    expect(refused(foreign)).to.deep.equal([400, 'invalid_request'])
    const helper = await createPerson(app, { email: `helper-${app.stack}@example.org` })
    const rp = await discover(app.issuer, 'console')
    const support = await signIn(rp, { prompt: 'consent' }, { person: helper })
    const mine = await signIn(
      rp,
      { scope: 'openid read', resource: STOCK, prompt: 'consent' },
      { exchange: { resource: STOCK } },
    )
    const { json } = await exchange(
      { ...form, subject_token: mine.tokens.access_token, actor_token: support.tokens.access_token },
      'console',
    )
    expect((await introspect(json.access_token, 'console')).act).to.deep.equal({
      sub: helper.id,
      client_id: 'console',
    })
  })

  it('lives no longer than the token it was made of, and no longer than the API wants', async () => {
    const short = await subjectToken(ORDERS)
    const { json } = await exchange({
      subject_token: short.tokens.access_token,
      resource: SHORT,
      scope: 'read',
    })
    expect(json.expires_in).to.equal(30)
    const claims = decodeJwt(json.access_token)
    expect(claims).to.deep.include({ aud: SHORT, client_id: ORDERS, act: { sub: ORDERS } })
    expect(Number(claims.exp) - Number(claims.iat)).to.equal(30)
    // Its API’s tokens are not exchanged any further, so nothing leads back from them.
    expect(claims).to.not.have.property('grant_ref')
    const opaque = await subjectToken(STOCK)
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('AccessToken', opaque.tokens.access_token)
    const soon = Math.floor(Date.now() / 1000) + 20
    await artifacts.upsert('AccessToken', opaque.tokens.access_token, { ...payload, exp: soon }, 60)
    const answer = await exchange(
      { subject_token: opaque.tokens.access_token, resource: SHELF, scope: 'read' },
      STOCK,
    )
    expect(answer.json.expires_in).to.be.within(10, 20)
  })

  it('never gives more than the token it was made of (down-scoping only)', async () => {
    const { tokens } = await subjectToken(ORDERS, { scope: 'openid read' })
    for (const scope of ['write', 'read write', 'count', 'openid', 'read count', 'email'])
      expect(refused(await exchange({ subject_token: tokens.access_token, scope })), scope).to.deep.equal([
        400,
        'invalid_scope',
      ])
    // Nothing in common: no token without any right.
    const admin = await subjectToken(ORDERS, { scope: 'openid orders:admin' })
    expect(refused(await exchange({ subject_token: admin.tokens.access_token }))).to.deep.equal([
      400,
      'invalid_scope',
    ])
  })

  it('is for the APIs that an operator named, one at a time (2.2.2)', async () => {
    const { tokens } = await subjectToken()
    const subject_token = tokens.access_token
    for (const resource of [SHELF, ORDERS, 'https://gone.example', 'nonsense', [STOCK, SHORT]])
      expect(refused(await exchange({ subject_token, resource })), String(resource)).to.deep.equal([
        400,
        'invalid_target',
      ])
    const both = await exchange({ subject_token, audience: SHORT })
    expect(refused(both)).to.deep.equal([400, 'invalid_target'])
    const none = await exchange({ subject_token, resource: [] })
    expect(refused(none)).to.deep.equal([400, 'invalid_request'])
    await app.app.resourceServers.disable(STOCK, { by: 'test' })
    expect(refused(await exchange({ subject_token }))).to.deep.equal([400, 'invalid_target'])
    await app.app.resourceServers.enable(STOCK, { by: 'test' })
    expect((await exchange({ subject_token })).status).to.equal(200)
  })

  it('is for clients an operator allowed it, and who are who they say', async () => {
    const { tokens } = await subjectToken()
    const form = { subject_token: tokens.access_token }
    // Not registered for the grant type; the engine’s word for it.
    expect(refused(await exchange(form, 'web'))).to.deep.equal([400, 'invalid_request'])
    const wrong = await exchange(form, ORDERS, { basic: [ORDERS, 'x'.repeat(40)] })
    expect(refused(wrong)).to.deep.equal([401, 'invalid_client'])
    await takePolicyAway()
    expect(refused(await exchange(form, 'former'))).to.deep.equal([400, 'unauthorized_client'])
  })

  it('cannot be had by registration', async () => {
    const register = async (more: object) => {
      const response = await fetch(`${app.issuer}/reg`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${settings.INITIAL_ACCESS_TOKEN}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ redirect_uris: ['https://app.example/cb'], ...more }),
      })
      return [response.status, ((await response.json()) as { error?: string }).error]
    }
    const grant_types = ['authorization_code', EXCHANGE]
    const policy = { token_exchange: { audiences: [STOCK] } }
    for (const more of [{ grant_types }, policy, { grant_types, ...policy }])
      expect(await register(more), JSON.stringify(more)).to.deep.equal([400, 'invalid_client_metadata'])
    expect((await register({}))[0]).to.equal(201)
  })

  it('takes tokens only from the app they were issued to and the API they are for', async () => {
    const { tokens } = await subjectToken()
    const other = await subjectToken(STOCK)
    for (const [id, subject_token] of [
      ['bystander', tokens.access_token],
      [VAULT, tokens.access_token],
      [ORDERS, other.tokens.access_token],
    ] as const)
      expect(refused(await exchange({ subject_token }, id)), id).to.deep.equal([400, 'invalid_request'])
  })

  it('takes access tokens of persons, of ours, for APIs whose tokens may be exchanged', async () => {
    const { tokens } = await subjectToken()
    const [header, payload, signature] = tokens.access_token.split('.')
    const forged = Buffer.from(
      JSON.stringify({ ...decodeJwt(tokens.access_token), scope: 'read write orders:admin' }),
    ).toString('base64url')
    const cases: Record<string, string> = {
      'an ID token': String(tokens.id_token),
      'a refresh token': String(tokens.refresh_token),
      nonsense: 'nonsense',
      'almost a JWT': 'a.b.c',
      'a NUL byte': 'a\0b',
      'another payload': `${header}.${forged}.${signature}`,
      'no signature': `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`,
      'a machine’s own': await machine(ORDERS),
      'very long': 'x'.repeat(20_000),
    }
    for (const [what, subject_token] of Object.entries(cases))
      expect(refused(await exchange({ subject_token })), what).to.deep.equal([400, 'invalid_request'])
    const shelf = await subjectToken(SHELF, { scope: 'openid read' })
    expect(refused(await exchange({ subject_token: shelf.tokens.access_token }, SHELF))).to.deep.equal([
      400,
      'invalid_request',
    ])
    const vault = await subjectToken(VAULT, { scope: 'openid read' })
    expect(decodeJwt(vault.tokens.access_token)).to.not.have.property('grant_ref')
    expect(refused(await exchange({ subject_token: vault.tokens.access_token }, VAULT))).to.deep.equal([
      400,
      'invalid_request',
    ])
  })

  it('wants its parameters as the RFC has them (2.1)', async () => {
    const { tokens } = await subjectToken()
    const subject_token = tokens.access_token
    for (const form of [
      { subject_token: [], subject_token_type: ACCESS_TOKEN },
      { subject_token: [subject_token, subject_token] },
      { subject_token, subject_token_type: `${TYPES}id_token` },
      { subject_token, subject_token_type: [] },
      { subject_token, subject_token_type: `${TYPES}saml2` },
      { subject_token, requested_token_type: `${TYPES}refresh_token` },
      { subject_token, requested_token_type: `${TYPES}jwt` },
      { subject_token, actor_token: subject_token },
      { subject_token, actor_token_type: ACCESS_TOKEN },
    ] as Record<string, string | string[]>[])
      expect(refused(await exchange(form)), JSON.stringify(form)).to.deep.equal([400, 'invalid_request'])
  })

  it('gives no bearer token to who has to have a bound one, nor for a bound one (RFC 9449)', async () => {
    const { tokens } = await subjectToken()
    const dpop = await exchange({ subject_token: tokens.access_token }, ORDERS, {
      headers: { dpop: 'a.b.c' },
    })
    expect(refused(dpop)).to.deep.equal([400, 'invalid_request'])
    const rp = await discoverPublic(app.issuer)
    const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    for (const resource of [STOCK, ORDERS]) {
      const bound = await boundToken(rp, DPoP, resource)
      expect(bound.token_type).to.equal('dpop')
      expect(
        refused(
          await exchange(
            { subject_token: bound.access_token, resource: resource === STOCK ? SHELF : STOCK },
            resource,
          ),
        ),
      ).to.deep.equal([400, 'invalid_request'])
    }
  })

  async function boundToken(rp: client.Configuration, DPoP: client.DPoPHandle, resource: string) {
    const started = await begin(rp, { scope: 'openid read', resource, prompt: 'consent' })
    const { url } = await walk(newAgent(), started.url, JANE)
    const checks = { ...started.checks, idTokenExpected: true }
    return client.authorizationCodeGrant(rp, new URL(url), checks, { resource }, { DPoP })
  }

  it('explains each refusal, with the one change that helps', async () => {
    const { tokens } = await subjectToken()
    const subject_token = tokens.access_token
    await takePolicyAway()
    const vault = (await subjectToken(VAULT, { scope: 'openid read' })).tokens.access_token
    const shelf = (await subjectToken(SHELF, { scope: 'openid read' })).tokens.access_token
    const opaque = (await subjectToken(STOCK)).tokens.access_token
    const bound = await post(`${app.issuer}/token`, { grant_type: 'client_credentials' }, as('bystander'))
    const actor_token_type = ACCESS_TOKEN
    const cases: [string, Answer][] = [
      ['exchange-target-not-allowed', await exchange({ subject_token, resource: SHELF })],
      ['exchange-not-allowed', await exchange({ subject_token }, 'former')],
      ['exchange-wants-binding', await exchange({ subject_token }, ORDERS, { headers: { dpop: 'a.b.c' } })],
      ['exchange-target-missing', await exchange({ subject_token, resource: [] })],
      ['exchange-several-targets', await exchange({ subject_token, resource: [STOCK, SHORT] })],
      ['exchange-token-invalid', await exchange({ subject_token: 'nonsense' })],
      ['exchange-token-invalid', await exchange({ subject_token: vault }, VAULT)],
      ['exchange-api-closed', await exchange({ subject_token: shelf }, SHELF)],
      ['exchange-token-foreign', await exchange({ subject_token: opaque })],
      [
        'exchange-actor-foreign',
        await exchange({ subject_token, actor_token: bound.json.access_token, actor_token_type }),
      ],
      ['exchange-without-person', await exchange({ subject_token: await machine(ORDERS) })],
      ['exchange-type-unknown', await exchange({ subject_token, subject_token_type: `${TYPES}id_token` })],
      ['exchange-scope-wider', await exchange({ subject_token, scope: 'count' })],
      ['grant-type-not-allowed', await exchange({ subject_token }, 'web')],
    ]
    const { clients, failures, resourceServers } = app.app.storage.database
    const explainer = new Explainer({ clients, resourceServers, server: { issuer: app.issuer, scopes: [] } })
    for (const [cause, { status, headers }] of cases) {
      expect(status, cause).to.be.oneOf([400, 401])
      const failure = await until(() => findFailure(failures, String(headers.get('x-request-id'))))
      expect((await explainer.explain(failure, 'operator')).cause).to.equal(cause)
      expect(JSON.stringify(failure)).to.not.include(subject_token)
    }
  })

  /** Written after the answer, so it may not be there yet. */
  async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = await look()
      if (found) return found
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error('nothing came')
  }

  describe('ends', () => {
    const endings: Record<string, (sub: string) => Promise<unknown>> = {
      'when the person signs out everywhere': async (sub) => access().signOutEverywhere(sub, { by: 'test' }),
      'when the person is disabled': async (sub) => access().disableUser(sub, { by: 'test' }),
      'when consent is withdrawn from the app': async (sub) =>
        access().withdrawConsent(sub, 'web', { by: 'test' }),
      'when an administrator ends the session': async (sub) => {
        const [open] = await app.app.storage.database.access.openSessions(sub)
        await access().endSession(sub, open!.id, { by: 'test' })
      },
      'when the app is disabled': async () => {
        await access().disableClient('web', { by: 'test' })
        await access().enableClient('web', { by: 'test' })
      },
      'when the API that exchanged it is disabled': async () => {
        await access().disableClient(ORDERS, { by: 'test' })
        await access().enableClient(ORDERS, { by: 'test' })
      },
      'when the API it is for is disabled': async () => {
        await app.app.resourceServers.disable(STOCK, { by: 'test' })
        await app.app.resourceServers.enable(STOCK, { by: 'test' })
      },
    }
    const access = () => {
      const { changes, database } = app.app.storage
      return new Access(database, () => changes.expire('clients'))
    }
    for (const [when, end] of Object.entries(endings))
      it(`${when}, the exchanged token and the next exchange`, async () => {
        const person = await createPerson(app, { email: `${when.replaceAll(' ', '-')}@example.org` })
        const { tokens, sub } = await subjectToken(ORDERS, { person })
        const subject_token = tokens.access_token
        const { json } = await exchange({ subject_token })
        expect((await introspect(json.access_token, STOCK)).active).to.equal(true)
        await end(sub)
        expect(await introspect(json.access_token, STOCK)).to.deep.equal({ active: false })
        if (when.includes('the API')) return
        expect(refused(await exchange({ subject_token }))).to.deep.equal([400, 'invalid_request'])
      })

    it('when the API takes no tokens of the app any more, the next exchange', async () => {
      const { tokens } = await subjectToken()
      const orders = app.config.resourceServers.filter(({ audience }) => audience === ORDERS)
      const declare = (clients: 'all' | string[]) =>
        app.app.resourceServers.declare(orders.map((settings) => ({ ...settings, clients })))
      await declare(['console'])
      const answer = await exchange({ subject_token: tokens.access_token })
      await declare('all')
      expect(refused(answer)).to.deep.equal([400, 'invalid_request'])
      expect((await exchange({ subject_token: tokens.access_token })).status).to.equal(200)
    })

    it('when the session has run out, though its grant is there still', async () => {
      const person = await createPerson(app, { email: `sleeper-${app.stack}@example.org` })
      const { tokens, sub } = await subjectToken(ORDERS, { person })
      const soon = `update oidc_sessions set payload = jsonb_set(payload, '{exp}', to_jsonb($2::bigint))
        where account_id = $1`
      await app.sql.query(soon, [sub, Math.floor(Date.now() / 1000) + 50])
      const { json } = await exchange({ subject_token: tokens.access_token })
      expect(json.expires_in, 'no longer than the session').to.be.within(1, 50)
      await app.sql.query('delete from oidc_sessions where account_id = $1', [sub])
      expect(refused(await exchange({ subject_token: tokens.access_token }))).to.deep.equal([
        400,
        'invalid_request',
      ])
    })

    it('when its own client revokes it (RFC 7009), and nothing else does', async () => {
      const { tokens } = await subjectToken()
      const { json } = await exchange({ subject_token: tokens.access_token })
      const revoke = (id: string) => post(`${app.issuer}/revoke`, { token: json.access_token }, as(id))
      await revoke('bystander')
      await revoke('web')
      expect((await introspect(json.access_token, STOCK)).active).to.equal(true)
      await revoke(ORDERS)
      expect((await introspect(json.access_token, STOCK)).active).to.equal(false)
      expect((await exchange({ subject_token: tokens.access_token })).status).to.equal(200)
    })

    it('when the browser’s session ends with a sign-out', async () => {
      const person = await createPerson(app, { email: `leaver-${app.stack}@example.org` })
      const { tokens, agent } = await subjectToken(ORDERS, { person })
      const { json } = await exchange({ subject_token: tokens.access_token })
      const hint = new URLSearchParams({ id_token_hint: String(tokens.id_token) })
      const page = await agent.get(`${app.issuer}/session/end?${hint}`)
      await agent.submit(page, { logout: 'yes' })
      expect(await introspect(json.access_token, STOCK)).to.deep.equal({ active: false })
      expect(refused(await exchange({ subject_token: tokens.access_token }))).to.deep.equal([
        400,
        'invalid_request',
      ])
    })
  })
})
