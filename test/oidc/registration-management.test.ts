import { expect } from 'chai'
import * as client from 'openid-client'
import { type Answer, get, onEveryStack, send, sendJson, signIn } from '../support/protocol.ts'
import { CALLBACK, RP_SECRET, webClient } from '../support/relying-party.ts'

const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const clients = [webClient({ client_id: 'gateway', first_party: true })]
const options = { settings: { INITIAL_ACCESS_TOKEN: TOKEN }, overrides: { clients } }

onEveryStack('management of a registered client (RFC 7592)', options, (app) => {
  interface Registered {
    client_id: string
    client_secret: string
    registration_access_token: string
    registration_client_uri: string
  }
  const metadata = {
    redirect_uris: [CALLBACK],
    client_name: 'Before',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  }
  const register = async (more: object = {}): Promise<Registered> =>
    (await sendJson('POST', `${app.issuer}/reg`, { ...metadata, ...more }, { bearer: TOKEN })).json
  const read = (it: Registered) => get(it.registration_client_uri, { bearer: it.registration_access_token })
  const update = (it: Registered, change: object): Promise<Answer> =>
    sendJson('PUT', it.registration_client_uri, change, { bearer: it.registration_access_token })
  const remove = (it: Registered) =>
    send('DELETE', it.registration_client_uri, undefined, { bearer: it.registration_access_token })
  const configure = (it: Registered, secret = it.client_secret) =>
    client.discovery(new URL(app.issuer), it.client_id, undefined, client.ClientSecretBasic(secret), {
      execute: [client.allowInsecureRequests],
    })
  const secretWorks = async (it: Registered, secret = it.client_secret) =>
    client.clientCredentialsGrant(await configure(it, secret)).then(
      () => true,
      () => false,
    )

  it('shows the client its record, without the secret and what stands for it (2.1)', async () => {
    const it_ = await register()
    const { status, json, text } = await read(it_)
    expect(status).to.equal(200)
    expect(json).to.include({ client_id: it_.client_id, client_name: 'Before' })
    expect(json.registration_access_token).to.equal(it_.registration_access_token)
    expect(json.registration_client_uri).to.equal(it_.registration_client_uri)
    expect(json).to.not.have.any.keys('client_secret', 'first_party', 'self_registered')
    expect(text).to.not.include('hmac-sha256').and.to.not.include(it_.client_secret)
  })

  it('shows no more when the address is written another way', async () => {
    const it_ = await register()
    for (const path of ['/REG', '/Reg', '/rEg']) {
      const url = `${app.issuer}${path}/${it_.client_id}`
      const { text } = await get(url, { bearer: it_.registration_access_token })
      expect(text, path).to.not.include('hmac-sha256').and.to.not.include('first_party')
    }
    const made = await sendJson('POST', `${app.issuer}/REG`, metadata, { bearer: TOKEN })
    expect(made.text).to.not.include('first_party')
  })

  it('updates with the right secret, and gives a new registration access token (2.2)', async () => {
    const it_ = await register()
    const change = {
      ...metadata,
      client_id: it_.client_id,
      client_secret: it_.client_secret,
      client_name: 'After',
    }
    const { status, json, text } = await update(it_, change)
    expect(status, text).to.equal(200)
    expect(json.client_name).to.equal('After')
    expect(json).to.not.have.any.keys('first_party', 'self_registered')
    expect(text).to.not.include('hmac-sha256').and.to.not.include(it_.client_secret)
    expect(json.registration_access_token).to.not.equal(it_.registration_access_token)
    expect((await read(it_)).status, 'the old token').to.equal(401)
    const renewed = { ...it_, registration_access_token: json.registration_access_token }
    expect((await read(renewed)).json.client_name).to.equal('After')
    expect(await secretWorks(it_), 'the secret stays').to.equal(true)
  })

  it('updates without a secret in the body, and keeps the one there is', async () => {
    const it_ = await register()
    const { status } = await update(it_, { ...metadata, client_id: it_.client_id, client_name: 'After' })
    expect(status).to.equal(200)
    expect(await secretWorks(it_)).to.equal(true)
  })

  it('refuses an update with a wrong secret, or with the digest for it (2.2)', async () => {
    const it_ = await register()
    const [row] = await app.sql.query<{ secret_digest: string }>(
      'select secret_digest from clients where id = $1',
      [it_.client_id],
    )
    for (const client_secret of ['wrong', `${it_.client_secret}x`, String(row?.secret_digest), 1, {}]) {
      const change = { ...metadata, client_id: it_.client_id, client_secret, client_name: 'Evil' }
      const { status, json } = await update(it_, change)
      expect([status, json.error], String(client_secret)).to.deep.equal([400, 'invalid_request'])
      const elsewhere = it_.registration_client_uri.replace('/reg/', '/REG/')
      const again = await sendJson('PUT', elsewhere, change, { bearer: it_.registration_access_token })
      expect(again.status, String(client_secret)).to.equal(400)
    }
    expect((await read(it_)).json.client_name).to.equal('Before')
    expect(await secretWorks(it_)).to.equal(true)
    expect(await secretWorks(it_, String(row?.secret_digest)), 'a digest is no secret').to.equal(false)
  })

  it('refuses an update that sets what only the operator decides, or another id (2.2)', async () => {
    const it_ = await register()
    for (const change of [
      { first_party: true },
      { self_registered: false },
      { pkce_exempt: true },
      { api_permissions: ['users:read'] },
      { client_id: 'gateway' },
    ]) {
      const { status } = await update(it_, { ...metadata, client_id: it_.client_id, ...change })
      expect(status, JSON.stringify(change)).to.equal(400)
    }
    const [row] = await app.sql.query('select first_party, source from clients where id = $1', [
      it_.client_id,
    ])
    expect(row).to.deep.equal({ first_party: false, source: 'registration' })
  })

  it('refuses hostile metadata in an update as at registration', async () => {
    const it_ = await register()
    const change = { ...metadata, client_id: it_.client_id, redirect_uris: ['javascript:alert(1)'] }
    const { status, json } = await update(it_, change)
    expect(status).to.equal(400)
    expect(json.error_description).to.include('redirect_uris')
    expect((await read(it_)).json.redirect_uris).to.deep.equal([CALLBACK])
  })

  it('answers bodies that are no JSON object with an OAuth error, and reads none without end', async () => {
    const it_ = await register()
    const headers = { 'content-type': 'application/json' }
    for (const body of ['{', '[]', '"text"', 'null', '', '\xff']) {
      const options = { bearer: it_.registration_access_token, headers }
      const { status, json } = await send('PUT', it_.registration_client_uri, body, options)
      expect([status, json.error], body).to.deep.equal([400, 'invalid_request'])
    }
    const endless = await update(it_, {
      ...metadata,
      client_id: it_.client_id,
      client_name: 'x'.repeat(60_000),
    })
    expect(endless.status).to.equal(413)
    expect((await read(it_)).json.client_name).to.equal('Before')
  })

  it('removes what an update leaves out: it replaces the record (2.2)', async () => {
    const it_ = await register({ client_uri: 'https://app.example' })
    const { json } = await update(it_, { ...metadata, client_id: it_.client_id })
    expect(json).to.not.have.property('client_uri')
  })

  it('gives a client that becomes confidential its secret once', async () => {
    const it_ = await register({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] })
    expect(it_.client_secret).to.equal(undefined)
    const { json } = await update(it_, { ...metadata, client_id: it_.client_id })
    expect(json.client_secret).to.match(/^[\w-]{40,}$/)
    expect(await secretWorks(it_, json.client_secret)).to.equal(true)
    const renewed = { ...it_, registration_access_token: json.registration_access_token }
    expect((await read(renewed)).json).to.not.have.property('client_secret')
  })

  it('lets a client manage itself and no other, and ends a token that tries (3)', async () => {
    const [one, other] = [await register(), await register()]
    const astray = { ...one, registration_client_uri: other.registration_client_uri }
    expect((await read(astray)).status).to.equal(401)
    expect((await read(other)).status).to.equal(200)
    expect((await read(one)).status, 'destroyed').to.equal(401)
    expect((await get(other.registration_client_uri, { bearer: TOKEN })).status).to.equal(401)
    expect((await get(other.registration_client_uri)).status).to.be.oneOf([400, 401])
  })

  it('keeps of several updates at once what the one says that was told so, and nothing of the others', async () => {
    for (const round of [1, 2, 3]) {
      const it_ = await register()
      const answers = await Promise.all(
        ['A', 'B', 'C', 'D'].map((client_name) =>
          update(it_, { ...metadata, client_id: it_.client_id, client_name }),
        ),
      )
      const won = answers.filter(({ status }) => status === 200)
      expect(won, `round ${round}`).to.have.length(1)
      const renewed = { ...it_, registration_access_token: won[0]?.json.registration_access_token }
      expect((await read(renewed)).json.client_name).to.equal(won[0]?.json.client_name)
    }
  })

  it('never brings a client back that is deleted while it updates itself', async () => {
    for (const round of [1, 2, 3, 4, 5]) {
      const it_ = await register()
      const change = { ...metadata, client_id: it_.client_id, client_name: 'After' }
      const [removed] = await Promise.all([remove(it_), update(it_, change), update(it_, change)])
      const rows = await app.sql.query('select 1 from clients where id = $1', [it_.client_id])
      // Whoever comes first takes the token; the other is refused.
      expect(rows.length, `round ${round}`).to.equal(removed.status === 204 ? 0 : 1)
    }
  })

  it('leaves a client the profile that the operator gave it, and holds it to that', async () => {
    const it_ = await register({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] })
    await app.sql.query(
      `update clients set metadata = metadata || '{"profile": "hardened"}', updated_at = now() where id = $1`,
      [it_.client_id],
    )
    const body = {
      ...metadata,
      client_id: it_.client_id,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
    }
    const weak = await update(it_, { ...body, token_endpoint_auth_method: 'client_secret_basic' })
    expect(weak.json.error).to.equal('invalid_client_metadata')
    expect(weak.json.error_description).to.match(/^token_endpoint_auth_method must be private_key_jwt/)
    const renamed = await update(it_, { ...body, client_name: 'Renamed', dpop_bound_access_tokens: false })
    expect(renamed.status).to.equal(200)
    expect(await app.app.engine.provider.Client.find(it_.client_id)).to.include({
      dpopBoundAccessTokens: true,
      requirePushedAuthorizationRequests: true,
    })
    const [row] = await app.sql.query<{ metadata: object }>('select metadata from clients where id = $1', [
      it_.client_id,
    ])
    expect(row?.metadata).to.include({ profile: 'hardened', client_name: 'Renamed' })
  })

  it('deletes the client with its tokens and what people allowed it (2.3)', async () => {
    const it_ = await register()
    const rp = await configure(it_)
    const { tokens } = await signIn(rp)
    const machine = await client.clientCredentialsGrant(rp)
    expect((await remove(it_)).status).to.equal(204)
    expect(await secretWorks(it_)).to.equal(false)
    expect((await read(it_)).status).to.equal(401)
    expect((await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(401)
    const gateway = await configure({ ...it_, client_id: 'gateway' }, RP_SECRET)
    for (const token of [tokens.access_token, String(tokens.refresh_token), machine.access_token])
      expect(await client.tokenIntrospection(gateway, token)).to.deep.equal({ active: false })
    const left = (await app.sql.dump()).filter((row) => row.includes(it_.client_id))
    // A record outlives what it is about (those of what was refused just now, too), and a session may still name an app
    // that is no more.
    expect(
      left.filter(
        (row) => !/^(audit_events|endings|ephemeral|failures|oidc_sessions|oidc_session_families) /.test(row),
      ),
    ).to.deep.equal([])
  })
})
