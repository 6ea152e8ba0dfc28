/** Programs that use the API on their own account (client credentials), for what an operator lets each do. */
import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, SignJWT } from 'jose'
import * as client from 'openid-client'
import { ROUTES } from '../../src/api/routes.ts'
import { audited, type Caller, CONSOLE, callerOf, newCaller, signedIn } from '../support/api.ts'
import { get, onEveryStack, post, refusal, send } from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const CLIENTS = '/api/v1/admin/clients'
const USERS = '/api/v1/admin/users'
const ANY = { 'if-match': '*' }
const IAT = 'an-initial-access-token-of-the-test-0123456789'
const machine = {
  ...{ client_id: 'machine', client_secret: RP_SECRET, client_name: 'Nightly job' },
  ...{ grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
}
const clients = [webClient(CONSOLE), machine, { ...machine, client_id: 'plain' }, publicClient()]

onEveryStack(
  'the API: programs on their own account',
  { people: [], settings: { INITIAL_ACCESS_TOKEN: IAT }, overrides: { clients } },
  (app) => {
    let owner: Caller
    let admin: Caller
    before(async function () {
      this.timeout(120_000)
      owner = await newCaller(app, 'owner', ['owner'])
      admin = await newCaller(app, 'admin', ['admin'])
    })
    const resource = () => `${app.issuer}/api`
    const allow = (by: Caller, permissions: string[], id = 'machine') =>
      by.send('PUT', `${CLIENTS}/${id}/api-access`, { permissions })
    const grant = async (scope: string, id = 'machine') =>
      client.clientCredentialsGrant(await discover(app.issuer, id), { scope, resource: resource() })
    const newMachine = async (scope: string) => callerOf(app, (await grant(scope)).access_token)
    const expectForbidden = async (answer: Promise<{ status: number; json: { code: string } }>) => {
      const { status, json } = await answer
      expect([status, json?.code]).to.deep.equal([403, 'forbidden'])
    }

    it('get nothing until an operator lets them', async () => {
      expect((await refusal(grant('users:read', 'plain'))).error).to.equal('invalid_target')
      const { json } = await post(
        `${app.issuer}/token`,
        { grant_type: 'client_credentials' },
        { basic: ['plain', RP_SECRET] },
      )
      const { status } = await get(app.issuer + USERS, { bearer: json.access_token })
      expect(status, 'a token that is not for the API').to.equal(401)
    })

    it('do what they are allowed, as themselves, and it is recorded so', async () => {
      const { status, json, text } = await allow(admin, ['users:read', 'users:write'])
      expect(status, text).to.equal(200)
      expect(json.metadata.api_permissions).to.deep.equal(['users:read', 'users:write'])
      const [record] = await audited(app, 'client.api_access_changed')
      expect([record?.client_id, record?.detail]).to.deep.equal([
        'machine',
        { by: admin.userId, permissions: 'users:read users:write' },
      ])

      const tokens = await grant('users:read users:write clients:write')
      expect(tokens.scope, 'no more than it may').to.equal('users:read users:write')
      const program = callerOf(app, tokens.access_token)
      const listed = await program.get(USERS)
      expect(listed.status, listed.text).to.equal(200)
      expect(listed.headers.get('ratelimit-policy')).to.match(/^"client";/)
      const headers = { 'idempotency-key': 'same' }
      const made = await program.send('POST', USERS, { email: 'made@example.org' }, headers)
      expect(made.status, made.text).to.equal(201)
      const again = await program.send('POST', USERS, { email: 'made@example.org' }, headers)
      expect(again.json).to.deep.equal(made.json)
      // The key is the program's: another caller's is another.
      expect((await admin.send('POST', USERS, { email: 'else@example.org' }, headers)).status).to.equal(201)
      const [created] = (await audited(app, 'user.created')).filter(({ user_id }) => user_id === made.json.id)
      expect(created?.detail).to.deep.include({ by: 'client:machine' })
      const { json: audit } = await owner.get(`/api/v1/admin/audit?name=user.created&user_id=${made.json.id}`)
      expect(audit.items[0].detail.by).to.equal('client:machine')
    })

    it('have nothing of their own: what is a person’s says so in a sentence', async () => {
      const program = await newMachine('users:read')
      const own = ROUTES.filter(({ permission }) => permission.startsWith('account:'))
      expect(own.length).to.be.at.least(8)
      for (const { method, path } of own) {
        const { status, json } = await program.send(method, path.replace(/:\w+/g, 'x'.repeat(20)))
        expect([status, json.code], path).to.deep.equal([403, 'forbidden'])
        expect(json.detail, path).to.include('sign one in')
      }
    })

    it('reach nobody who may more than they', async () => {
      await allow(admin, ['users:read', 'users:write'])
      const program = await newMachine('users:write')
      const clerk = await newCaller(app, 'clerk')
      expect((await program.send('POST', `${USERS}/${clerk.userId}/disable`)).status).to.equal(204)
      await expectForbidden(program.send('POST', `${USERS}/${admin.userId}/disable`))
      expect((await program.get(USERS)).json.code, 'nor beyond their scope').to.equal('insufficient_scope')
    })

    it('get roles:write from an owner only, and are an owner’s to change from then on', async () => {
      await expectForbidden(allow(admin, ['roles:write']))
      expect((await allow(owner, ['roles:write', 'users:read', 'users:write'])).status).to.equal(200)
      await expectForbidden(allow(admin, []))
      const patch = { metadata: { client_name: 'Mine now' } }
      await expectForbidden(admin.send('PATCH', `${CLIENTS}/machine`, patch, { 'if-match': '*' }))
      await expectForbidden(admin.send('POST', `${CLIENTS}/machine/secret`))
      const program = await newMachine('roles:write users:write')
      await expectForbidden(program.send('PUT', `${USERS}/${admin.userId}/roles/owner`))
      const clerk = await newCaller(app, 'clerk-of-program')
      await expectForbidden(program.send('PUT', `${USERS}/${clerk.userId}/roles/support`))
      expect((await allow(owner, ['users:read'])).status).to.equal(200)
    })

    it('are changed by nobody who may less than they', async () => {
      await owner.send('POST', '/api/v1/admin/roles', {
        ...{ name: 'integrator', permissions: ['clients:read', 'clients:write'] },
      })
      const integrator = await newCaller(app, 'integrator', ['integrator'])
      const patch = { metadata: { client_name: 'Mine now' } }
      await expectForbidden(integrator.send('PATCH', `${CLIENTS}/machine`, patch, { 'if-match': '*' }))
      await expectForbidden(integrator.send('POST', `${CLIENTS}/machine/secret`))
      await expectForbidden(allow(integrator, []))
      await expectForbidden(allow(integrator, ['users:read'], 'plain'))
      await owner.send('POST', `${CLIENTS}/machine/disable`)
      await expectForbidden(integrator.send('POST', `${CLIENTS}/machine/enable`))
      expect((await admin.send('POST', `${CLIENTS}/machine/enable`)).status).to.equal(204)
      expect(
        (await integrator.send('PATCH', `${CLIENTS}/plain`, patch, { 'if-match': '*' })).status,
      ).to.equal(200)
    })

    it('are changed by no app that was not given what they may, whoever its person is', async () => {
      await allow(owner, ['users:read'])
      const { email } = owner
      const scopes = ['clients:read', 'clients:write']
      const narrow = await signedIn(app, email, { scopes })
      const patch = { metadata: { client_name: 'Mine now' } }
      await expectForbidden(narrow.send('PATCH', `${CLIENTS}/machine`, patch, ANY))
      await expectForbidden(narrow.send('POST', `${CLIENTS}/machine/secret`))
      await expectForbidden(narrow.send('POST', `${CLIENTS}/machine/enable`))
      const wider = await signedIn(app, email, { scopes: [...scopes, 'users:read'] })
      expect((await wider.send('PATCH', `${CLIENTS}/machine`, patch, ANY)).status).to.equal(200)
    })

    it('lose it with the next request, whatever token they hold', async () => {
      await allow(owner, ['users:read', 'clients:read'])
      const program = await newMachine('users:read clients:read')
      expect((await program.get(USERS)).status).to.equal(200)
      await allow(owner, ['clients:read'])
      await expectForbidden(program.get(USERS))
      expect((await program.get(CLIENTS)).status).to.equal(200)
      await allow(owner, [])
      expect((await program.get(CLIENTS)).status).to.equal(401)
      await allow(owner, ['clients:read'])
      await owner.send('POST', `${CLIENTS}/machine/disable`)
      await owner.send('POST', `${CLIENTS}/machine/enable`)
      expect((await program.get(CLIENTS)).status, 'ended stays ended').to.equal(401)
    })

    it('must be an operator’s, prove what they are, and be made for it', async () => {
      const wrong = async (id: string, permissions: string[], pointer: string) => {
        const { status, json } = await allow(owner, permissions, id)
        expect([status, json.code], id).to.deep.equal([422, 'invalid_input'])
        expect(json.errors[0].pointer).to.include(pointer)
      }
      await wrong('spa', ['users:read'], '/metadata')
      await wrong('web', ['users:read'], '/metadata')
      await wrong('machine', ['account:read'], '/permissions')
      const metadata = { ...machine, client_id: undefined, client_secret: undefined }
      const registered = await send('POST', `${app.issuer}/reg`, JSON.stringify(metadata), {
        ...{ bearer: IAT, headers: { 'content-type': 'application/json' } },
      })
      expect(registered.status, registered.text).to.equal(201)
      await wrong(registered.json.client_id, ['users:read'], '/permissions')
      // Neither by metadata, in which nobody looks for it.
      const sneaked = { api_permissions: ['roles:write'] }
      const patched = await admin.send(
        ...(['PATCH', `${CLIENTS}/plain`, { metadata: sneaked }, { 'if-match': '*' }] as const),
      )
      expect(patched.status).to.equal(422)
      const created = await admin.send('POST', CLIENTS, { metadata: { ...metadata, ...sneaked } })
      expect(created.status).to.equal(422)
    })

    it('prove the key that their token is bound to, as everybody (RFC 9449 7.1)', async () => {
      await allow(owner, ['users:read'])
      const rp = await discover(app.issuer, 'machine')
      const keys = await client.randomDPoPKeyPair('ES256')
      const options = { DPoP: client.getDPoPHandle(rp, keys) }
      const asked = { scope: 'users:read', resource: resource() }
      const { access_token: token } = await client.clientCredentialsGrant(rp, asked, options)
      const proof = async () =>
        new SignJWT({
          ...{ jti: randomUUID(), iat: Math.floor(Date.now() / 1000), htm: 'GET', htu: app.issuer + USERS },
          ath: createHash('sha256').update(token).digest('base64url'),
        })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(keys.publicKey) })
          .sign(keys.privateKey)
      const dpop = await proof()
      const headers = { authorization: `DPoP ${token}`, dpop }
      expect((await get(app.issuer + USERS, { headers })).status).to.equal(200)
      expect((await get(app.issuer + USERS, { headers })).status, 'a proof counts once').to.equal(401)
      expect((await get(app.issuer + USERS, { bearer: token })).status).to.equal(401)
    })
  },
)
