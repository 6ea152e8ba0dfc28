/** Rich authorization requests (RFC 9396) as a relying party and an API use them. */
import { expect } from 'chai'
import { decodeJwt, exportJWK, SignJWT } from 'jose'
import * as client from 'openid-client'
import { Explainer, findFailure } from '../../src/domain/failures/service.ts'
import { SCOPES } from '../../src/oidc/claims.ts'
import { ACCOUNTS, LEDGER, PAYMENT, PAYMENTS, typesFile } from '../support/authorization-types.ts'
import {
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  responseOf,
  sendJson,
} from '../support/protocol.ts'
import {
  begin,
  discover,
  exchange,
  PASSWORD,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const types = typesFile()
const ALLOWED = ['payment_initiation', 'account_information']
let signing: Awaited<ReturnType<typeof client.randomDPoPKeyPair>>

async function options() {
  signing = await client.randomDPoPKeyPair('ES256', { extractable: true })
  const jwks = { keys: [{ ...(await exportJWK(signing.publicKey)), kid: 'sign', alg: 'ES256' }] }
  const rich = { authorization_details_types: ALLOWED, jwks }
  return {
    settings: {
      AUTHORIZATION_DETAILS_FILE: types.path,
      INITIAL_ACCESS_TOKEN: REGISTER,
      RESOURCE_SERVERS: JSON.stringify([
        { audience: PAYMENTS, scopes: ['payments'] },
        { audience: LEDGER, scopes: ['ledger'], tokenFormat: 'opaque' },
      ]),
    },
    overrides: {
      clients: [
        webClient(rich),
        webClient({ client_id: 'ours', first_party: true, ...rich }),
        webClient({ client_id: 'plain' }),
        webClient({
          ...{ client_id: 'asking', ...rich, backchannel_token_delivery_mode: 'poll' },
          grant_types: ['authorization_code', 'urn:openid:params:grant-type:ciba'],
        }),
        webClient({ client_id: 'accounts', authorization_details_types: ['account_information'] }),
        webClient({
          client_id: 'service',
          ...rich,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        }),
        publicClient({
          client_id: 'tv',
          ...rich,
          grant_types: [DEVICE_CODE, 'refresh_token'],
          redirect_uris: [],
          response_types: [],
        }),
      ],
    },
  }
}

after(() => types.remove())

onEveryStack('authorization details (RFC 9396)', options, (app) => {
  const rp = (id = 'web') => discover(app.issuer, id)
  const details = (...some: unknown[]) => ({ authorization_details: JSON.stringify(some) })
  const asks = (page: Page) => page.text.includes('class="view-consent"')

  /** Opens a request and signs in where asked to; the page after that. */
  async function arrive(parameters: Record<string, string>, id = 'web', agent: UserAgent = newAgent()) {
    const started = await begin(await rp(id), parameters)
    let page = await agent.get(started.url.href)
    if (page.text.includes('class="view-sign-in"'))
      page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    return { started, agent, page }
  }

  async function allowed(parameters: Record<string, string>, id = 'web') {
    const { started, agent, page } = await arrive(parameters, id)
    const { url } = asks(page) ? await agent.submit(page, {}, '/consent') : page
    return { started, agent, url, tokens: await exchange(await rp(id), url, started) }
  }

  const refusedWith = async (parameters: Record<string, string>, id = 'web') => {
    const { page } = await arrive(parameters, id)
    return responseOf(page.url).error
  }
  const refresh = (token: unknown, more: Record<string, string> = {}) =>
    post(
      `${app.issuer}/token`,
      { grant_type: 'refresh_token', refresh_token: String(token), ...more },
      { basic: ['web', RP_SECRET] },
    )

  it('are refused where nobody could read them: in a question by mail (CIBA)', async () => {
    const ask = (more: Record<string, string>) =>
      post(
        `${app.issuer}/backchannel`,
        { scope: 'openid', login_hint: JANE.email, ...more },
        { basic: ['asking', RP_SECRET] },
      )
    const { status, json } = await ask(details(PAYMENT))
    expect([status, json.error]).to.deep.equal([400, 'invalid_request'])
    expect(json).to.not.have.property('auth_req_id')
    expect(await app.mails(), 'nobody is asked').to.have.length(0)
    expect((await ask({})).status, 'without them it would be a question').to.equal(200)
  })

  it('says in discovery which types there are (10)', async () => {
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json.authorization_details_types_supported).to.have.members(ALLOWED)
  })

  it('lets the person read all of it, and puts it into code, answer and token (2, 5, 7, 9.1)', async () => {
    const { started, agent, page } = await arrive(details(PAYMENT))
    const words = page.text.replace(/<[^>]+>/g, '').replace(/\s+/g, ' ')
    expect(words).to.include('A payment').and.to.include('Pay 1,234.50 EUR to Merchant A')
    for (const field of ['DE02100100109307118603', 'Invoice 7', 'initiate', PAYMENTS])
      expect(words).to.include(field)
    const { url } = await agent.submit(page, {}, '/consent')
    const tokens = await exchange(await rp(), url, started)
    expect(tokens.authorization_details).to.deep.equal([PAYMENT])
    const claims = decodeJwt(tokens.access_token)
    expect(claims.aud).to.equal(PAYMENTS)
    expect(claims.authorization_details).to.deep.equal([PAYMENT])
  })

  it('asks for the same payment again, and first-party clients too', async () => {
    const { agent } = await allowed(details(PAYMENT))
    expect(asks((await arrive(details(PAYMENT), 'web', agent)).page)).to.equal(true)
    const { page } = await arrive(details(PAYMENT), 'ours')
    expect(asks(page)).to.equal(true)
    expect(page.text, 'what the operator allowed').to.not.include('name="scope"')
  })

  it('asks once a session where the type says so, and anew for anything else', async () => {
    const asked = { ...details(ACCOUNTS), resource: LEDGER }
    const { agent } = await allowed(asked)
    const other = { ...details({ ...ACCOUNTS, limit: 3 }), resource: LEDGER }
    expect(asks((await arrive(other, 'web', agent)).page)).to.equal(true)
    const { started, page } = await arrive(asked, 'web', agent)
    const tokens = await exchange(await rp(), page.url, started)
    expect(tokens.authorization_details).to.deep.equal([ACCOUNTS])
    expect(asks((await arrive(asked)).page), 'in another browser').to.equal(true)
  })

  it('gives nothing where the person says no, or nobody can be asked', async () => {
    const { agent, page } = await arrive(details(PAYMENT))
    const { url } = await agent.submit(page, {}, '/abort')
    expect(responseOf(url).error).to.equal('access_denied')
    const before = await allowed({ scope: 'openid email' })
    const silent = await arrive({ ...details(PAYMENT), prompt: 'none' }, 'web', before.agent)
    expect(responseOf(silent.page.url).error).to.equal('consent_required')
  })

  it('keeps what was allowed to the request it was allowed in', async () => {
    const { agent } = await allowed(details(PAYMENT))
    const started = await begin(await rp(), { scope: 'openid email' })
    const page = await agent.get(started.url.href)
    const tokens = await exchange(await rp(), page.url, started)
    expect(tokens).to.not.have.property('authorization_details')
  })

  it('shows each API its own details only (3, 13)', async () => {
    const both = [PAYMENT, { ...ACCOUNTS, what: 'payments' }]
    const { started, agent, page } = await arrive({ ...details(...both), resource: PAYMENTS })
    const query = new URL(started.url)
    query.searchParams.append('resource', LEDGER)
    expect(asks(page)).to.equal(true)
    const consent = await agent.get(query.href)
    const { url } = await agent.submit(consent, {}, '/consent')
    const tokens = await exchange(await rp(), url, started, { resource: LEDGER })
    expect(tokens.authorization_details).to.deep.equal([both[1]])
    const { json } = await post(
      `${app.issuer}/introspect`,
      { token: tokens.access_token },
      { basic: ['web', RP_SECRET] },
    )
    expect(json.active).to.equal(true)
    expect(json.authorization_details).to.deep.equal([both[1]])
    const first = await refresh(tokens.refresh_token, { resource: PAYMENTS })
    expect(first.json.authorization_details).to.deep.equal(both)
  })

  it('never widens at the token endpoint: not at the code, not at a refresh (6, 7)', async () => {
    const dearer = { ...PAYMENT, instructedAmount: { amount: '9999.00', currency: 'EUR' } }
    const { started, agent, page } = await arrive(details(PAYMENT))
    const { url } = await agent.submit(page, {}, '/consent')
    const wider = await refusal(exchange(await rp(), url, started, details(dearer)))
    expect(wider.error).to.equal('invalid_authorization_details')
    const { tokens } = await allowed(details(PAYMENT))
    for (const asked of [
      details(dearer),
      details(PAYMENT, dearer),
      details({ ...PAYMENT, reference: 'x' }),
    ]) {
      const { status, json } = await refresh(tokens.refresh_token, asked)
      expect([status, json.error]).to.deep.equal([400, 'invalid_authorization_details'])
    }
    const again = await refresh(tokens.refresh_token, details(PAYMENT))
    expect(again.json.authorization_details).to.deep.equal([PAYMENT])
    const { tokens: without } = await allowed({
      scope: 'openid offline_access payments',
      resource: PAYMENTS,
      prompt: 'consent',
    })
    expect((await refresh(without.refresh_token, details(PAYMENT))).json.error).to.equal(
      'invalid_authorization_details',
    )
  })

  it('gives none to a client on its own account: a person has to allow them', async () => {
    const { json } = await post(
      `${app.issuer}/token`,
      { grant_type: 'client_credentials', ...details(PAYMENT) },
      { basic: ['service', RP_SECRET] },
    )
    expect(json.error).to.equal('invalid_authorization_details')
  })

  it('comes pushed (RFC 9126) and signed (RFC 9101) as well', async () => {
    const { url, checks } = await begin(await rp(), details(PAYMENT))
    const claims = Object.fromEntries(url.searchParams)
    const exp = Math.floor(Date.now() / 1000) + 60
    const request = await new SignJWT({
      ...claims,
      authorization_details: [PAYMENT],
      iss: 'web',
      aud: app.issuer,
      exp,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'sign', typ: 'oauth-authz-req+jwt' })
      .setIssuedAt()
      .sign(signing.privateKey)
    const pushed = await post(`${app.issuer}/par`, claims, { basic: ['web', RP_SECRET] })
    for (const query of [{ request }, { request_uri: pushed.json.request_uri }]) {
      const search = new URLSearchParams({ client_id: 'web', ...query })
      const page = await walk(newAgent(), `${app.issuer}/auth?${search}`, JANE)
      const tokens = await client.authorizationCodeGrant(await rp(), new URL(page.url), {
        ...checks,
        idTokenExpected: true,
      })
      expect(tokens.authorization_details, Object.keys(query)[0]).to.deep.equal([PAYMENT])
    }
    const bad = await post(
      `${app.issuer}/par`,
      { ...claims, ...details({ type: 'unknown' }) },
      { basic: ['web', RP_SECRET] },
    )
    expect([bad.status, bad.json.error]).to.deep.equal([400, 'invalid_authorization_details'])
  })

  it('goes with the device flow: read on the page, given to the device', async () => {
    const { json } = await post(`${app.issuer}/device/auth`, {
      client_id: 'tv',
      scope: 'openid',
      ...details(PAYMENT),
    })
    const agent = newAgent()
    let page = await agent.submit(await agent.get(`${app.issuer}/device`), { user_code: json.user_code })
    page = await agent.submit(page)
    page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    expect(page.text).to.include('Merchant A')
    await agent.submit(page, {}, '/consent')
    const answer = await post(`${app.issuer}/token`, {
      ...{ grant_type: DEVICE_CODE, device_code: json.device_code, client_id: 'tv' },
    })
    expect(answer.json.authorization_details).to.deep.equal([PAYMENT])
  })

  describe('refuses with invalid_authorization_details (5)', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 'x' : { a: nested(depth - 1) })
    const wrong: Record<string, unknown> = {
      'a type that is unknown': [{ type: 'unknown' }],
      'a type that is disabled': [{ type: 'retired' }],
      'no type': [{ ...PAYMENT, type: undefined }],
      'a field more': [{ ...PAYMENT, hidden: 'and all I have' }],
      'a field more further in': [
        { ...PAYMENT, instructedAmount: { ...PAYMENT.instructedAmount, tip: '5' } },
      ],
      'a field less': [{ ...PAYMENT, creditorName: undefined }],
      'a field of another kind': [{ ...PAYMENT, creditorName: ['Merchant A'] }],
      'a value outside its pattern': [{ ...PAYMENT, instructedAmount: { amount: '1e9', currency: 'EUR' } }],
      'an action that the type has not': [{ ...PAYMENT, actions: ['drain'] }],
      'a location that the type has not': [{ ...PAYMENT, locations: [LEDGER] }],
      'what is no list': PAYMENT,
      'a detail that is no object': [[PAYMENT]],
      'a name that is read backwards': [{ ...PAYMENT, creditorName: 'Merchant \u202eA' }],
      'a name with what nobody sees': [{ ...PAYMENT, creditorName: 'Merchant\u200b\u{e0041} A' }],
      'a line of its own': [{ ...PAYMENT, reference: 'x\nPay 1 EUR to Merchant A' }],
      'a very long text': [{ ...ACCOUNTS, what: 'x'.repeat(501) }],
      'eleven details': Array.from({ length: 11 }, (_, index) => ({ ...ACCOUNTS, limit: index + 1 })),
      'what is nested without end': [{ ...PAYMENT, creditorName: nested(300) }],
    }
    for (const [what, asked] of Object.entries(wrong))
      it(what, async () => {
        expect(
          await refusedWith({ authorization_details: JSON.stringify(asked), resource: PAYMENTS }),
        ).to.equal('invalid_authorization_details')
      })

    it('what is no JSON, or poisons an object', async () => {
      for (const text of [
        'nonsense',
        '{',
        `[${JSON.stringify(PAYMENT).replace('{', '{"__proto__":{"x":1},')}]`,
      ])
        expect(await refusedWith({ authorization_details: text }), text).to.equal(
          'invalid_authorization_details',
        )
    })

    it('1,000 details, quickly', async () => {
      const many = Array.from({ length: 1_000 }, () => ({ type: ACCOUNTS.type }))
      const { json } = await post(
        `${app.issuer}/par`,
        { ...(await parametersOf()), ...details(...many) },
        { basic: ['web', RP_SECRET] },
      )
      expect(json.error).to.equal('invalid_authorization_details')
    })

    it('a type that the client may not use', async () => {
      expect(await refusedWith(details(PAYMENT), 'accounts')).to.equal('invalid_authorization_details')
      expect(await refusedWith(details(PAYMENT), 'plain')).to.equal('invalid_authorization_details')
    })

    const parametersOf = async () => Object.fromEntries((await begin(await rp())).url.searchParams)
  })

  it('takes details without an API for none that exists: invalid_target', async () => {
    expect(await refusedWith(details(ACCOUNTS))).to.equal('invalid_target')
  })

  it('lets clients register only the types that are open to them', async () => {
    const register = (names: string[]) =>
      sendJson(
        'POST',
        `${app.issuer}/reg`,
        { redirect_uris: ['http://localhost:9/callback'], authorization_details_types: names },
        { bearer: REGISTER },
      )
    for (const names of [
      ['payment_initiation'],
      ['unknown'],
      ['account_information', 'payment_initiation'],
    ]) {
      const { status, json } = await register(names)
      expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
    }
    const { status, json } = await register(['account_information'])
    expect(status).to.equal(201)
    expect(json.authorization_details_types).to.deep.equal(['account_information'])
  })

  it('is explained where it was refused', async () => {
    const { failures, clients, resourceServers } = app.app.storage.database
    const server = { issuer: app.issuer, scopes: SCOPES }
    const push = async (asked: string, id = 'web') => {
      const { url } = await begin(await rp(id), { authorization_details: asked })
      const { headers } = await post(`${app.issuer}/par`, Object.fromEntries(url.searchParams), {
        basic: [id, RP_SECRET],
      })
      for (let tries = 0; tries < 100; tries += 1) {
        const failure = await findFailure(failures, String(headers.get('x-request-id')))
        if (failure)
          return (await new Explainer({ clients, resourceServers, server }).explain(failure, 'operator'))
            .cause
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return 'nothing'
    }
    expect(await push('[{"type":"unknown"}]')).to.equal('details-type-unknown')
    expect(await push(JSON.stringify([PAYMENT]), 'plain')).to.equal('details-type-not-allowed')
    expect(await push(JSON.stringify([{ ...PAYMENT, more: 1 }]))).to.equal('details-malformed')
    expect(await push('{')).to.equal('details-not-json')
    expect(await push(JSON.stringify(PAYMENT))).to.equal('details-not-json')
    expect(await push(JSON.stringify([ACCOUNTS]))).to.equal('details-without-resource')
  })

  it('writes down which types were allowed, and nothing of what they hold', async () => {
    await allowed(details(PAYMENT))
    const [row] = await app.sql.query<{ detail: Record<string, unknown> }>(
      "select detail from audit_events where name = 'consent.granted' order by id desc limit 1",
    )
    expect(row?.detail.details).to.equal('payment_initiation')
    const logged = JSON.stringify(app.logs)
    expect(logged).to.not.include('DE02100100109307118603')
  })
})
