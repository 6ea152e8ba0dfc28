/** What an initial access token lets an application register as, how often and how long (RFC 7591 3, RFC 7592 2.2). */
import { expect } from 'chai'
import type { RegistrationPolicy } from '../../src/domain/clients/registration-policy.ts'
import { makeToken, tokensOf } from '../support/initial-access-tokens.ts'
import { get, onEveryStack, sendJson } from '../support/protocol.ts'

const REDIRECT = 'https://app.example.org/cb'

onEveryStack('an initial access token', { people: [] }, (app) => {
  const minimal = { redirect_uris: [REDIRECT] }
  const register = (bearer: string, metadata: object = {}) =>
    sendJson('POST', `${app.issuer}/reg`, { ...minimal, ...metadata }, { bearer })
  const stored = async () => (await app.sql.query('select id from clients')).length
  const under = async (policy: RegistrationPolicy) => (await makeToken(app, { policy })).value

  it('is kept as a keyed digest, and its making is recorded', async () => {
    const { id, value } = await makeToken(app, { name: 'for the shop' })
    const rows = (await app.sql.dump()).join('\n')
    expect(rows).to.include(id).and.to.include('for the shop')
    expect(rows).to.not.include(value)
    expect(rows).to.not.include(Buffer.from(value).toString('hex'))
    const [record] = await app.sql.query<{ detail: object }>(
      `select detail from audit_events where name = 'initial_access_token.created' and detail ->> 'id' = $1`,
      [id],
    )
    expect(record?.detail).to.deep.equal({ id, name: 'for the shop', by: 'test' })
  })

  it('lets in as often as it says, and not once more', async () => {
    const { value } = await makeToken(app, { usesLeft: 2 })
    expect((await register(value)).status).to.equal(201)
    expect((await register(value)).status).to.equal(201)
    const before = await stored()
    const { status, json, headers } = await register(value)
    expect([status, json.error]).to.deep.equal([401, 'invalid_token'])
    expect(headers.get('www-authenticate')).to.match(/^Bearer .*invalid_token/)
    expect(await stored()).to.equal(before)
    // Explained once the answer has left.
    const causes = () => app.logs.map(({ cause }) => cause)
    for (let tries = 0; tries < 100 && !causes().includes('initial-access-token-used-up'); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(causes()).to.include('initial-access-token-used-up')
  })

  it('is asked of everybody, who is told so each time', async () => {
    for (let count = 0; count < 15; count += 1) {
      const { status } = await sendJson('POST', `${app.issuer}/reg`, minimal)
      expect(status, 'not for having asked too often').to.be.oneOf([400, 401])
    }
  })

  it('is not used up by a registration that is refused', async () => {
    const { value } = await makeToken(app, { usesLeft: 1 })
    expect((await register(value, { redirect_uris: ['javascript:alert(1)'] })).status).to.equal(400)
    expect((await register(value)).status).to.equal(201)
  })

  it('lets so many clients be there at one time: one that leaves makes room', async () => {
    const { value } = await makeToken(app, { maxClients: 1 })
    const { json } = await register(value)
    expect((await register(value)).status).to.equal(401)
    const removed = await fetch(json.registration_client_uri, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${json.registration_access_token}` },
    })
    expect(removed.status).to.equal(204)
    expect((await register(value)).status).to.equal(201)
  })

  it('lets nobody in once it has expired or is revoked; its clients stay', async () => {
    const late = await makeToken(app)
    await app.sql.query(`update initial_access_tokens set expires_at = now() where id = $1`, [late.id])
    expect((await register(late.value)).status).to.equal(401)
    const tokens = await tokensOf(app)
    const { id, value } = await makeToken(app)
    const { json } = await register(value)
    await tokens.revoke(id, 'test')
    expect((await register(value)).status).to.equal(401)
    const own = { bearer: json.registration_access_token }
    expect((await get(json.registration_client_uri, own)).status).to.equal(200)
    const again = await tokens.revoke(id, 'test').catch((error) => error.code)
    expect(again).to.equal('not_found')
  })

  const beyond: [string, RegistrationPolicy, Record<string, unknown>, string][] = [
    [
      'redirect_uris',
      { redirectHosts: ['app.example.org'] },
      { redirect_uris: ['https://evil.example/cb'] },
      'invalid_redirect_uri',
    ],
    [
      'redirect_uris',
      { redirectHosts: ['*.example.org'] },
      { redirect_uris: ['https://example.org/cb'] },
      'invalid_redirect_uri',
    ],
    [
      'redirect_uris',
      { redirectHosts: ['*.example.org'] },
      { redirect_uris: ['https://app.example.org.evil.example/cb'] },
      'invalid_redirect_uri',
    ],
    [
      'redirect_uris',
      { redirectHosts: ['app.example.org'] },
      { redirect_uris: [REDIRECT, 'https://app.example.org@evil.example/'] },
      'invalid_redirect_uri',
    ],
    [
      'redirect_uris',
      { redirectHosts: ['app.example.org'] },
      { application_type: 'native', redirect_uris: ['org.example.app:/cb'] },
      'invalid_redirect_uri',
    ],
    [
      'redirect_uris',
      { redirectHosts: ['app.example.org'] },
      { application_type: 'native', redirect_uris: ['org.evil.app://app.example.org/cb'] },
      'invalid_redirect_uri',
    ],
    [
      'post_logout_redirect_uris',
      { redirectHosts: ['app.example.org'] },
      { post_logout_redirect_uris: ['https://evil.example/'] },
      'invalid_client_metadata',
    ],
    [
      'initiate_login_uri',
      { redirectHosts: ['app.example.org'] },
      { initiate_login_uri: 'https://evil.example/login' },
      'invalid_client_metadata',
    ],
    [
      'grant_types',
      { grantTypes: ['authorization_code'] },
      { grant_types: ['authorization_code', 'refresh_token'] },
      'invalid_client_metadata',
    ],
    ['grant_types', { grantTypes: ['client_credentials'] }, {}, 'invalid_client_metadata'],
    ['scope', { scopes: ['openid', 'email'] }, { scope: 'openid phone' }, 'invalid_client_metadata'],
    ['scope', { scopes: ['openid', 'email'] }, { scope: null }, 'invalid_client_metadata'],
    [
      'token_endpoint_auth_method',
      { profile: 'hardened' },
      { token_endpoint_auth_method: 'client_secret_basic' },
      'invalid_client_metadata',
    ],
    [
      'dpop_bound_access_tokens',
      { profile: 'hardened' },
      { token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false },
      'invalid_client_metadata',
    ],
    ['software_statement', { softwareStatement: true }, {}, 'invalid_software_statement'],
  ]
  for (const [member, policy, metadata, error] of beyond)
    it(`with ${JSON.stringify(policy)} refuses ${JSON.stringify(metadata)}, naming ${member}`, async () => {
      const value = await under(policy)
      const before = await stored()
      const { status, json } = await register(value, metadata)
      expect([status, json.error], JSON.stringify(json)).to.deep.equal([400, error])
      expect(json.error_description).to.include(member)
      expect(await stored()).to.equal(before)
    })

  it('takes what is within its limits, and fills in what was left open', async () => {
    const value = await under({
      redirectHosts: ['*.example.org', 'localhost'],
      grantTypes: ['authorization_code'],
      scopes: ['openid', 'email'],
      profile: 'hardened',
    })
    const { status, json } = await register(value, {
      redirect_uris: [REDIRECT, 'http://localhost:8080/cb'],
      token_endpoint_auth_method: 'none',
    })
    expect(status, JSON.stringify(json)).to.equal(201)
    expect(json).to.include({
      scope: 'openid email',
      dpop_bound_access_tokens: true,
      require_pushed_authorization_requests: true,
    })
    expect(json).to.not.have.property('profile')
    const client = await app.app.storage.database.clients.find(json.client_id)
    expect(client?.metadata.profile).to.equal('hardened')
  })

  it('holds its clients to its limits when they change themselves', async () => {
    const value = await under({ redirectHosts: ['app.example.org'], profile: 'hardened' })
    const { json } = await register(value, { token_endpoint_auth_method: 'none' })
    const change = (bearer: string, more: object) =>
      sendJson(
        'PUT',
        json.registration_client_uri,
        { client_id: json.client_id, ...minimal, token_endpoint_auth_method: 'none', ...more },
        { bearer },
      )
    const away = await change(json.registration_access_token, { redirect_uris: ['https://evil.example/cb'] })
    expect([away.status, away.json.error]).to.deep.equal([400, 'invalid_redirect_uri'])
    const weaker = await change(json.registration_access_token, { dpop_bound_access_tokens: false })
    expect(weaker.status).to.equal(400)
    const fine = await change(json.registration_access_token, { client_name: 'Fine' })
    expect([fine.status, fine.json.client_name]).to.deep.equal([200, 'Fine'])
    expect(fine.json.dpop_bound_access_tokens).to.equal(true)
    const second = await change(fine.json.registration_access_token, {
      redirect_uris: ['https://evil.example/cb'],
    })
    expect(second.status, 'with the token that took the place of the first').to.equal(400)
  })

  it('of the operator’s settings has no limits', async () => {
    const token = String(app.secrets.initialAccessToken)
    for (let count = 0; count < 3; count += 1) expect((await register(token)).status).to.equal(201)
  })
})
