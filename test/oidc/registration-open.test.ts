/** `REGISTRATION=open`: what strangers may register, how fast, and for how long; and `off`. */
import { expect } from 'chai'
import * as client from 'openid-client'
import { makeToken } from '../support/initial-access-tokens.ts'
import { get, JANE, newAgent, onEveryStack, post, sendJson, signIn } from '../support/protocol.ts'
import { begin, CALLBACK } from '../support/relying-party.ts'

const many = { openRegistrationNetwork: 1000, openRegistration: 1000 }
const open = { REGISTRATION: 'open' }

onEveryStack('open registration', { settings: open, overrides: { limits: many } }, (app) => {
  const minimal = { redirect_uris: [CALLBACK] }
  const register = (metadata: object = {}, options = {}) =>
    sendJson('POST', `${app.issuer}/reg`, { ...minimal, ...metadata }, options)
  const unused = () => app.app.storage.purgeUnusedClients(100, 30)
  const age = (id: string) =>
    app.sql.query(`update clients set updated_at = now() - interval '31 days' where id = $1`, [id])

  it('makes public clients, whatever was asked, of which people are asked', async () => {
    const { status, json } = await register()
    expect([status, json.token_endpoint_auth_method]).to.deep.equal([201, 'none'])
    expect(json).to.not.have.property('client_secret')
    const rp = await client.discovery(new URL(app.issuer), json.client_id, undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
    const agent = newAgent()
    let page = await agent.get((await begin(rp)).url.href)
    page = await agent.submit(
      page,
      { identifier: JANE.email, password: 'a calm keeper of the door' },
      '/sign-in',
    )
    expect(page.text).to.include('Unverified app')
    expect((await signIn(rp)).tokens.access_token).to.be.a('string')
  })

  const shownHost = async (uris: string[], redirect_uri: string) => {
    const { json } = await register({ application_type: 'native', redirect_uris: uris })
    const rp = await client.discovery(new URL(app.issuer), json.client_id, undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
    const { text } = await newAgent().get((await begin(rp, { redirect_uri })).url.href)
    return /class="app-host"><bdi>([^<]*)</.exec(text)?.[1]
  }

  it('show people the host that gets the code, whatever else they registered', async () => {
    const bank = 'https://bank.example/cb'
    const evil = 'https://evil.example/cb'
    expect(await shownHost([bank, evil], evil)).to.equal('evil.example')
    expect(await shownHost([bank, evil], bank)).to.equal('bank.example')
    const own = 'org.evil.app://bank.example/cb'
    expect(await shownHost([own], own)).to.equal('org.evil.app')
  })

  const refused: [string, object][] = [
    ['grant_types', { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    [
      'grant_types',
      {
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    ['token_endpoint_auth_method', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['token_endpoint_auth_method', { token_endpoint_auth_method: 'client_secret_post' }],
    ['logo_uri', { logo_uri: 'https://bank.example/logo.png' }],
    [
      'logo_uri',
      {
        ...{ application_type: 'native', redirect_uris: ['org.evil.app://bank.example/cb'] },
        logo_uri: 'https://bank.example/logo.png',
      },
    ],
    ['client_uri', { client_uri: 'https://bank.example/' }],
    ['policy_uri', { policy_uri: 'https://bank.example/privacy' }],
    ['tos_uri', { tos_uri: 'https://bank.example/terms' }],
    ['software_id', { software_id: { any: ['thing'] } }],
    ['software_version', { software_version: 'x'.repeat(201) }],
    ['first_party', { first_party: true }],
    ['profile', { profile: 'fapi2' }],
  ]
  for (const [member, metadata] of refused)
    it(`refuses ${JSON.stringify(metadata)} of strangers, naming ${member}`, async () => {
      const { status, json } = await register(metadata)
      expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
      expect(json.error_description).to.include(member)
    })

  it('holds them to that when they change themselves', async () => {
    const { json } = await register()
    const change = {
      ...minimal,
      client_id: json.client_id,
      token_endpoint_auth_method: 'client_secret_basic',
    }
    const own = { bearer: json.registration_access_token }
    const { status, json: answer } = await sendJson('PUT', json.registration_client_uri, change, own)
    expect([status, answer.error]).to.deep.equal([400, 'invalid_client_metadata'])
  })

  it('does not take a wrong token for none, and a right one for more than none', async () => {
    expect((await register({}, { bearer: 'wrong' })).status).to.equal(401)
    expect((await register({}, { headers: { authorization: 'Basic eDp5' } })).status).to.be.oneOf([400, 401])
    const { value } = await makeToken(app)
    const { status, json } = await register({}, { bearer: value })
    expect([status, json.token_endpoint_auth_method]).to.deep.equal([201, 'client_secret_basic'])
  })

  it('forgets clients that nobody ever used, with what is theirs', async () => {
    const { json: idle } = await register()
    const { json: young } = await register()
    const { json: used } = await register()
    const { json: invited } = await register({}, { bearer: (await makeToken(app)).value })
    const rp = await client.discovery(new URL(app.issuer), used.client_id, undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
    await signIn(rp)
    for (const { client_id } of [idle, used, invited]) await age(client_id)
    expect(await unused()).to.equal(1)
    const left = (await app.sql.query<{ id: string }>('select id from clients')).map(({ id }) => id)
    expect(left).to.include.members([young, used, invited].map(({ client_id }) => client_id))
    expect(left).to.not.include(idle.client_id)
    const answer = await get(idle.registration_client_uri, { bearer: idle.registration_access_token })
    expect(answer.status).to.equal(401)
    const request = {
      client_id: idle.client_id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid',
    }
    expect((await post(`${app.issuer}/par`, request)).json.error).to.equal('invalid_client')
  })
})

onEveryStack(
  'open registration, fast',
  {
    settings: open,
    overrides: { limits: { openRegistrationNetwork: 3, openRegistration: 1000 } },
    people: [],
  },
  (app) => {
    const register = (options = {}) =>
      sendJson('POST', `${app.issuer}/reg`, { redirect_uris: [CALLBACK] }, options)

    it('stops a network after its share, and nobody with a token', async () => {
      for (let count = 0; count < 3; count += 1) expect((await register()).status).to.equal(201)
      const before = (await app.sql.query('select id from clients')).length
      const { status, headers } = await register()
      expect(status).to.equal(429)
      expect(Number(headers.get('retry-after'))).to.be.within(1, 3600)
      const spelled = await sendJson('POST', `${app.issuer}/REG/`, { redirect_uris: [CALLBACK] })
      expect(spelled.status, 'under another spelling').to.be.oneOf([404, 429])
      expect((await app.sql.query('select id from clients')).length).to.equal(before)
      const { value } = await makeToken(app)
      expect((await register({ bearer: value })).status).to.equal(201)
    })
  },
)

onEveryStack('registration switched off', { settings: { REGISTRATION: 'off' }, people: [] }, (app) => {
  it('is not there, and discovery does not name it', async () => {
    const answer = await sendJson('POST', `${app.issuer}/reg`, { redirect_uris: [CALLBACK] })
    expect(answer.status).to.equal(404)
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json).to.not.have.property('registration_endpoint')
  })
})
