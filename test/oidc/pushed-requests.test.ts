import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import {
  discoverPublic,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  responseOf,
  type SendOptions,
} from '../support/protocol.ts'
import { CALLBACK, discover, publicClient, RP_SECRET, walk, webClient } from '../support/relying-party.ts'
import type { UserAgent } from '../support/user-agent.ts'

const clients = [
  webClient(),
  publicClient(),
  webClient({ client_id: 'stranger' }),
  webClient({ client_id: 'strict', require_pushed_authorization_requests: true }),
]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }

onEveryStack('pushed authorization requests', { overrides: { clients } }, (app) => {
  async function request(more: Record<string, string> = {}) {
    const verifier = client.randomPKCECodeVerifier()
    const parameters = {
      response_type: 'code',
      client_id: 'web',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      state: 'the-state',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...more,
    }
    return { verifier, parameters }
  }

  const push = async (more: Record<string, string> = {}, options: SendOptions = WEB) =>
    post(`${app.issuer}/par`, (await request(more)).parameters, options)

  const open = (agent: UserAgent, requestUri: string, id = 'web', more: Record<string, string> = {}) => {
    const query = new URLSearchParams({ client_id: id, request_uri: requestUri, ...more })
    return agent.get(`${app.issuer}/auth?${query}`)
  }

  it('give a request_uri for a minute (RFC 9126 2.2)', async () => {
    const { status, json, headers } = await push()
    expect(status).to.equal(201)
    expect(json.request_uri).to.match(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
    expect(json.expires_in).to.equal(60)
    expect(headers.get('cache-control')).to.equal('no-store')
  })

  for (const [name, rp] of [
    ['a confidential', () => discover(app.issuer)],
    ['a public', () => discoverPublic(app.issuer)],
  ] as const)
    it(`lead ${name} app of openid-client through sign-in to its tokens`, async () => {
      const config = await rp()
      const { verifier, parameters } = await request({ nonce: 'the-nonce' })
      const { client_id: _, ...rest } = parameters
      const url = await client.buildAuthorizationUrlWithPAR(config, rest)
      expect([...url.searchParams.keys()].sort()).to.deep.equal(['client_id', 'request_uri'])
      const callback = await walk(newAgent(), url, JANE)
      const tokens = await client.authorizationCodeGrant(config, new URL(callback.url), {
        pkceCodeVerifier: verifier,
        expectedState: 'the-state',
        expectedNonce: 'the-nonce',
      })
      expect(tokens.scope).to.equal('openid email')
    })

  it('lead an app of oauth4webapi to its code', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const web: oauth.Client = { client_id: 'web' }
    const { parameters } = await request()
    const secret = oauth.ClientSecretBasic(RP_SECRET)
    const response = await oauth.pushedAuthorizationRequest(as, web, secret, parameters, options)
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, web, response)
    const url = new URL(String(as.authorization_endpoint))
    url.search = String(new URLSearchParams({ client_id: 'web', request_uri }))
    const callback = await walk(newAgent(), url, JANE)
    expect(oauth.validateAuthResponse(as, web, new URL(callback.url), 'the-state').get('code')).to.be.a(
      'string',
    )
  })

  it('are good for one sign-in (RFC 9126 7.3)', async () => {
    const agent = newAgent()
    const { json } = await push()
    const url = `${app.issuer}/auth?${new URLSearchParams({ client_id: 'web', request_uri: json.request_uri })}`
    expect(responseOf((await walk(agent, url, JANE)).url).code).to.be.a('string')
    for (const again of [agent, newAgent()]) {
      const page = await open(again, json.request_uri)
      expect(page.status).to.equal(400)
      expect(page.text).to.include('class="view-error"')
    }
  })

  it('are good for one of several sign-ins at the same moment (invariant I1)', async () => {
    const agent = newAgent()
    const first = await push()
    const query = new URLSearchParams({ client_id: 'web', request_uri: first.json.request_uri })
    await walk(agent, `${app.issuer}/auth?${query}`, JANE)
    const { json } = await push()
    const pages = await Promise.all([1, 2, 3, 4].map(() => open(agent, json.request_uri)))
    const won = pages.filter(({ url }) => url.startsWith(CALLBACK) && 'code' in responseOf(url))
    expect(won.length).to.equal(1)
  })

  it('are of no use to another client (RFC 9126 2.2)', async () => {
    const { json } = await push()
    const page = await open(newAgent(), json.request_uri, 'stranger')
    expect(page.status).to.equal(400)
    expect(page.headers.get('location')).to.equal(null)
  })

  it('decide alone: what stands beside them in the address changes nothing (RFC 9126 4)', async () => {
    const agent = newAgent()
    const { json } = await push()
    const beside = { scope: 'openid email phone', redirect_uri: 'https://evil.example/', state: 'evil' }
    const page = await open(agent, json.request_uri, 'web', beside)
    const signIn = page.forms.find(({ action }) => action.endsWith('/sign-in'))
    if (signIn) {
      const credentials = { identifier: JANE.email, password: 'a calm keeper of the door' }
      const consent = await agent.submit(page, credentials, '/sign-in')
      const end = consent.url.startsWith(CALLBACK) ? consent : await agent.submit(consent, {}, '/consent')
      expect(end.url).to.match(/^http:\/\/localhost:9\/callback\?/)
      expect(responseOf(end.url).state).to.equal('the-state')
    } else expect(page.status).to.equal(400)
  })

  it('are checked when they are pushed (RFC 9126 2.1)', async () => {
    const cases: [Record<string, string>, string][] = [
      [{ redirect_uri: 'https://evil.example/' }, 'invalid_request'],
      [{ code_challenge_method: 'plain' }, 'invalid_request'],
      [{ code_challenge: '' }, 'invalid_request'],
      [{ response_type: 'token' }, 'unsupported_response_type'],
      [{ resource: 'https://evil.example/' }, 'invalid_target'],
      [{ request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'request_uri_not_supported'],
    ]
    for (const [change, error] of cases) {
      const { status, json } = await push(change)
      expect([status, json.error], JSON.stringify(change)).to.deep.equal([400, error])
    }
  })

  it('want the client’s secret, and that it speaks for itself', async () => {
    const wrong = await push({}, { basic: ['web', 'x'.repeat(40)] })
    expect([wrong.status, wrong.json.error]).to.deep.equal([401, 'invalid_client'])
    const other = await push({ client_id: 'stranger' })
    expect(other.status).to.be.oneOf([400, 401])
    expect(other.json).to.not.have.property('request_uri')
  })

  it('are what an app can be bound to (RFC 9126 6)', async () => {
    const { parameters } = await request({ client_id: 'strict' })
    const page = await newAgent().get(`${app.issuer}/auth?${new URLSearchParams(parameters)}`)
    expect(responseOf(page.url).error).to.equal('invalid_request')
    const { json } = await push({ client_id: 'strict' }, { basic: ['strict', RP_SECRET] })
    const signIn = await open(newAgent(), json.request_uri, 'strict')
    expect(signIn.text).to.include('class="view-sign-in"')
  })

  it('end after their minute, and others’ addresses are never fetched', async () => {
    const { json } = await push()
    const id = json.request_uri.split(':').at(-1)
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('PushedAuthorizationRequest', id)
    const past = Math.floor(Date.now() / 1000) - 60
    await artifacts.upsert('PushedAuthorizationRequest', id, { ...payload, exp: past }, 60)
    for (const uri of [json.request_uri, 'urn:ietf:params:oauth:request_uri:made-up'])
      expect((await open(newAgent(), uri)).status).to.equal(400)
    const { error } = await refusal(
      client.buildAuthorizationUrlWithPAR(await discover(app.issuer), {
        redirect_uri: 'https://evil.example/',
      }),
    )
    expect(error).to.equal('invalid_request')
  })
})
