/**
 * Advisory group C (codes and tokens that are not bound): what was issued at one node is shown at the other with one of
 * its bonds exchanged, each alone: client, redirect URI, verifier, key, resource, person. Every refusal is followed by
 * the rightful use, which must still work: a thief's try harms nobody.
 */
import { expect } from 'chai'
import * as client from 'openid-client'
import { type Nodes, startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import {
  type Answer,
  get,
  newAgent,
  post,
  responseOf,
  type SendOptions,
  sendJson,
} from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  PASSWORD,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'
import type { Page } from '../support/user-agent.ts'

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const OTHER = 'http://localhost:9/other'
const [ORDERS, STOCK] = ['https://orders.example/api', 'https://stock.example/api']
const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const JANE = 'jane@example.org'
const MALLORY = 'mallory@example.org'
const tv = (client_id: string) =>
  publicClient({
    client_id,
    grant_types: [DEVICE_CODE, 'refresh_token'],
    redirect_uris: [],
    response_types: [],
  })
const clients = [
  webClient({ redirect_uris: [CALLBACK, OTHER] }),
  webClient({ client_id: 'thief' }),
  webClient({ client_id: 'exempt', pkce_exempt: true }),
  publicClient(),
  publicClient({ client_id: 'spa-of-a-thief' }),
  tv('tv'),
  tv('tv-of-a-thief'),
]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const THIEF: SendOptions = { basic: ['thief', RP_SECRET] }

describe('advisories C: bindings', function () {
  this.timeout(60_000)
  let nodes: Nodes
  before(async () => {
    const settings = {
      INITIAL_ACCESS_TOKEN: REGISTER,
      RESOURCE_SERVERS: JSON.stringify([
        { audience: ORDERS, scopes: ['orders'] },
        { audience: STOCK, scopes: ['stock'] },
      ]),
    }
    nodes = await startNodes(2, settings, { clients })
    const [app] = nodes.apps
    for (const email of [JANE, MALLORY])
      await createPerson({ app: app!, secrets: nodes.secrets, config: app!.config }, { email })
  })
  beforeEach(() => {
    nodes.current = 0
  })
  after(() => nodes?.close())

  /** Where the thief tries; the rightful owner comes back to it as well. */
  const elsewhere = () => {
    nodes.current = 1
  }
  const token = (form: Record<string, string>, options: SendOptions = {}) =>
    post(`${nodes.issuer}/token`, form, options)
  const refused = (answer: Answer, errors: string[], what: string) => {
    expect(answer.status, what).to.be.within(400, 401)
    expect(answer.json?.error, what).to.be.oneOf(errors)
    expect(answer.text, what).to.not.include('access_token')
  }

  async function codeOf(id: string, parameters: Record<string, string> = {}) {
    const started = await begin(await discover(nodes.issuer, id), parameters)
    const { url } = await walk(newAgent(), started.url, { email: JANE })
    const form = {
      grant_type: 'authorization_code',
      code: String(responseOf(url).code),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
    }
    return { form, started }
  }

  const CODES: [bond: string, change: Record<string, string>, options: SendOptions, errors: string[]][] = [
    ['another confidential client', {}, THIEF, ['invalid_grant']],
    ['a public client', { client_id: 'spa' }, {}, ['invalid_grant']],
    ['its client without a secret', { client_id: 'web' }, {}, ['invalid_client']],
    ['its client by the secret of another', {}, { basic: ['web', 'x'.repeat(43)] }, ['invalid_client']],
    ['its other redirect URI', { redirect_uri: OTHER }, WEB, ['invalid_grant']],
    ['another verifier', { code_verifier: 'v'.repeat(43) }, WEB, ['invalid_grant']],
    ['an empty verifier', { code_verifier: '' }, WEB, ['invalid_grant', 'invalid_request']],
    ['a resource that was not asked for', { resource: STOCK }, WEB, ['invalid_target']],
    ['a resource that there is not', { resource: 'https://evil.example' }, WEB, ['invalid_target']],
  ]
  for (const [bond, change, options, errors] of CODES)
    it(`a code with ${bond} (GHSA-7qjx-gp9h-65qj, CVE-2026-28513, CVE-2023-48228, CVE-2024-23647)`, async () => {
      const { form } = await codeOf('web')
      elsewhere()
      refused(await token({ ...form, ...change }, options), errors, bond)
      // What is asked for beside the code uses it up, and nothing comes of it: it fails closed.
      if (change.resource === undefined)
        expect((await token(form, WEB)).status, 'the rightful use').to.equal(200)
    })

  it('a code of a public client in the hands of another (CVE-2026-55672)', async () => {
    const { form } = await codeOf('spa')
    elsewhere()
    refused(await token({ ...form, client_id: 'spa-of-a-thief' }), ['invalid_grant'], 'another public client')
    refused(await token(form, THIEF), ['invalid_grant'], 'a confidential client')
    expect((await token({ ...form, client_id: 'spa' })).status).to.equal(200)
  })

  it('a code whose challenge was taken out on the way (CVE-2023-48228, CVE-2024-23647)', async () => {
    const started = await begin(await discover(nodes.issuer, 'exempt'))
    for (const name of ['code_challenge', 'code_challenge_method']) started.url.searchParams.delete(name)
    const { url } = await walk(newAgent(), started.url, { email: JANE })
    elsewhere()
    const form = {
      ...{ grant_type: 'authorization_code', code: String(responseOf(url).code), redirect_uri: CALLBACK },
      code_verifier: started.checks.pkceCodeVerifier,
    }
    refused(await token(form, { basic: ['exempt', RP_SECRET] }), ['invalid_grant'], 'a verifier alone')
  })

  it('a code and tokens that are bound to a key, with none or another (CVE-2026-9792)', async () => {
    const rp = await client.discovery(new URL(nodes.issuer), 'spa', undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
    const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    const thief = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    const started = await begin(rp, { dpop_jkt: await DPoP.calculateThumbprint() })
    const { url } = await walk(newAgent(), started.url, { email: JANE })
    const exchange = (options: object) =>
      client.authorizationCodeGrant(
        rp,
        new URL(url),
        { ...started.checks, idTokenExpected: true },
        {},
        options,
      )
    const errorOf = (attempt: Promise<unknown>) =>
      attempt.then(
        () => 'taken',
        (error: { error?: string }) => error.error,
      )
    elsewhere()
    // The first of them uses the code up; the key of its owner comes too late then: it fails closed.
    expect(await errorOf(exchange({ DPoP: thief }))).to.equal('invalid_grant')
    expect(await errorOf(exchange({}))).to.equal('invalid_grant')
    nodes.current = 0
    const again = await begin(rp)
    const { url: callback } = await walk(newAgent(), again.url, { email: JANE })
    const checks = { ...again.checks, idTokenExpected: true }
    const tokens = await client.authorizationCodeGrant(rp, new URL(callback), checks, {}, { DPoP })
    elsewhere()
    const refresh = (options: object) =>
      client.refreshTokenGrant(rp, String(tokens.refresh_token), {}, options)
    expect(await errorOf(refresh({ DPoP: thief }))).to.equal('invalid_grant')
    expect(await errorOf(refresh({}))).to.equal('invalid_grant')
    expect((await get(`${nodes.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(401)
    expect((await refresh({ DPoP })).token_type).to.equal('dpop')
  })

  it('a refresh token of another client, or for more (GHSA-pw9m-5jxm-xr6h, GHSA-p2fr-6hmx-4528)', async () => {
    const asked = { scope: 'openid orders', resource: ORDERS }
    const { form } = await codeOf('web', asked)
    const { json } = await token(form, WEB)
    const refresh = { grant_type: 'refresh_token', refresh_token: json.refresh_token }
    elsewhere()
    refused(await token(refresh, THIEF), ['invalid_grant'], 'another client')
    refused(await token({ ...refresh, client_id: 'spa' }), ['invalid_grant'], 'a public client')
    refused(await token({ ...refresh, client_id: 'web' }), ['invalid_client'], 'without the secret')
    refused(await token({ ...refresh, resource: STOCK }, WEB), ['invalid_target'], 'another resource')
    refused(await token({ ...refresh, scope: 'openid email' }, WEB), ['invalid_scope'], 'another scope')
    const both = await post(`${nodes.issuer}/token`, { ...refresh, resource: [ORDERS, STOCK] }, WEB)
    refused(both, ['invalid_target', 'invalid_request'], 'two resources')
    expect((await token({ ...refresh, resource: ORDERS }, WEB)).status).to.equal(200)
  })

  it('a device code of another client (CVE-2026-7571)', async () => {
    const { json } = await post(`${nodes.issuer}/device/auth`, { client_id: 'tv', scope: 'openid' })
    const agent = newAgent()
    let page = await agent.submit(await agent.get(`${nodes.issuer}/device`), { user_code: json.user_code })
    page = await agent.submit(await agent.submit(page), { identifier: JANE, password: PASSWORD }, '/sign-in')
    if (page.text.includes('class="view-consent"')) await agent.submit(page, {}, '/consent')
    const poll = { grant_type: DEVICE_CODE, device_code: json.device_code }
    elsewhere()
    refused(await token({ ...poll, client_id: 'tv-of-a-thief' }), ['invalid_grant'], 'another device')
    refused(await token({ ...poll, client_id: 'spa' }), ['invalid_request'], 'no device')
    expect((await token({ ...poll, client_id: 'tv' })).status).to.equal(200)
  })

  it('a device code that is confirmed by another browser than the one it was typed into (CVE-2026-45337)', async () => {
    const { json } = await post(`${nodes.issuer}/device/auth`, { client_id: 'tv', scope: 'openid' })
    const [jane, mallory] = [newAgent(), newAgent()]
    const typed = await jane.submit(await jane.get(`${nodes.issuer}/device`), { user_code: json.user_code })
    await mallory.get(`${nodes.issuer}/device`)
    elsewhere()
    const forged: Page = await mallory.submit(typed)
    expect(forged.status).to.equal(422)
    expect(forged.text).to.not.include('class="view-device-done"')
    const { json: polled } = await token({
      ...{ grant_type: DEVICE_CODE, device_code: json.device_code, client_id: 'tv' },
    })
    expect(polled.error).to.equal('authorization_pending')
  })

  it('a pushed request of another client (RFC 9126 7.3; class of CVE-2026-28513)', async () => {
    const { url } = await begin(await discover(nodes.issuer, 'web'))
    const pushed = await post(`${nodes.issuer}/par`, Object.fromEntries(url.searchParams), WEB)
    const open = (client_id: string) =>
      newAgent().get(
        `${nodes.issuer}/auth?${new URLSearchParams({ client_id, request_uri: pushed.json.request_uri })}`,
      )
    elsewhere()
    const page = await open('thief')
    expect(page.text).to.not.include('class="view-sign-in"')
    expect(page.url).to.not.include('code=')
    expect((await open('web')).text).to.include('class="view-sign-in"')
  })

  it('an access token of one API at another, at userinfo, or in the hands of a stranger (GHSA-p2fr-6hmx-4528)', async () => {
    const { form } = await codeOf('web', { scope: 'openid orders', resource: ORDERS })
    const { json } = await token({ ...form, resource: ORDERS }, WEB)
    elsewhere()
    expect((await get(`${nodes.issuer}/userinfo`, { bearer: json.access_token })).status).to.equal(401)
    const opaque = await token((await codeOf('web')).form, WEB)
    const seen = await post(`${nodes.issuer}/introspect`, { token: opaque.json.access_token }, THIEF)
    expect(seen.json).to.deep.equal({ active: false })
    await post(`${nodes.issuer}/revoke`, { token: opaque.json.access_token }, THIEF)
    expect((await get(`${nodes.issuer}/userinfo`, { bearer: opaque.json.access_token })).status).to.equal(200)
  })

  it('a registration access token at another client (class of CVE-2026-55672)', async () => {
    const register = async () =>
      (await sendJson('POST', `${nodes.issuer}/reg`, { redirect_uris: [CALLBACK] }, { bearer: REGISTER }))
        .json
    const [mine, other] = [await register(), await register()]
    elsewhere()
    for (const id of [other.client_id, 'web']) {
      const answer = await get(`${nodes.issuer}/reg/${id}`, { bearer: mine.registration_access_token })
      expect(answer.status, id).to.equal(401)
      expect(answer.text).to.not.include('redirect_uris')
    }
    // The engine takes a token that was shown elsewhere for stolen, and ends it.
    const own = await get(mine.registration_client_uri, { bearer: mine.registration_access_token })
    expect(own.status).to.equal(401)
    const theirs = await get(other.registration_client_uri, { bearer: other.registration_access_token })
    expect(theirs.status).to.equal(200)
  })

  it('a consent page in the hands of somebody else who is signed in (CVE-2026-28513)', async () => {
    const started = await begin(await discover(nodes.issuer, 'thief'))
    const [jane, mallory] = [newAgent(), newAgent()]
    const signIn = await jane.get(started.url.href)
    const consent = await jane.submit(signIn, { identifier: JANE, password: PASSWORD }, '/sign-in')
    if (!consent.text.includes('class="view-consent"')) throw new Error(`no consent asked at ${consent.url}`)
    await walk(mallory, (await begin(await discover(nodes.issuer, 'web'))).url, { email: MALLORY })
    elsewhere()
    const forged = await mallory.submit(consent, {}, '/consent')
    expect(forged.url).to.not.include('code=')
    expect(responseOf((await jane.submit(consent, {}, '/consent')).url).code).to.be.a('string')
  })
})
