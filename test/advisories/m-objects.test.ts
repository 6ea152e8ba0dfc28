/**
 * Advisory group M (object access, mass assignment): every route of the table against the ids and the members that are
 * not the caller's. Who may use which route at all: `test/api/matrix.test.ts`.
 * CVE-2025-61928, GHSA-4vcf-q4xf-f48m, CVE-2026-41427, CVE-2025-27507, CVE-2025-64431, CVE-2026-33132, CVE-2024-49757,
 * CVE-2026-29193, CVE-2026-63203, CVE-2025-61524
 */
import { expect } from 'chai'
import * as client from 'openid-client'
import type { Route } from '../../src/api/route.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts'
import { type Caller, CONSOLE, callerOf, newCaller } from '../support/api.ts'
import { type Answer, onEveryStack, send, signIn } from '../support/protocol.ts'
import { discover, RP_SECRET, webClient } from '../support/relying-party.ts'

/** Members with which other products were talked into acting for somebody else, or into more than was given. */
const FOREIGN = [
  ...['userId', 'user_id', 'id', 'sub', 'owner', 'created_by', 'by', 'actor', 'client_id_of', 'tenant'],
  ...['roles', 'role', 'isAdmin', 'is_admin', 'permissions_of', 'status', 'version', 'source', 'built_in'],
]
const WITH_BODY = ROUTES.filter(({ input }) => input.body)
const OWN = ROUTES.filter(({ path }) => path.startsWith('/api/v1/users/me'))
const ADMINS = ROUTES.filter(({ path }) => path.startsWith('/api/v1/admin/'))
const machine = {
  ...{ client_id: 'machine', client_secret: RP_SECRET, grant_types: ['client_credentials'] },
  ...{ redirect_uris: [], response_types: [], api_permissions: ['users:read'] },
}
const limits = { apiPerson: 1_000_000, apiNetwork: 1_000_000 }
const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE), webClient({ client_id: 'asks' }), machine], limits },
}

onEveryStack('advisories M: objects', options, (app) => {
  let alice: Caller
  let bob: Caller
  let owner: Caller
  let program: Caller
  let session: string
  before(async function () {
    this.timeout(120_000)
    alice = await newCaller(app, 'alice')
    bob = await newCaller(app, 'bob')
    owner = await newCaller(app, 'owner', ['owner'])
    await signIn(await discover(app.issuer, 'asks'), {}, { person: bob, agent: bob.agent })
    session = (await bob.get('/api/v1/users/me/sessions')).json.items[0].id
    const grant = { resource: `${app.issuer}/api`, scope: PERMISSION_NAMES.join(' ') }
    const tokens = await client.clientCredentialsGrant(await discover(app.issuer, 'machine'), grant)
    program = callerOf(app, tokens.access_token)
  })

  /** The address of the route about what is Bob's. */
  const ofBob = ({ path }: Route) =>
    path
      .replace(':id', path.includes('/sessions/') ? session : bob.userId)
      .replace(':session', session)
      .replace(/:client\b/, 'asks')
      .replace(/:\w+/g, 'support')
  const body = ({ input }: Route, more: object = {}) => (input.body ? more : undefined)
  const ask = (caller: Caller, route: Route, more?: object): Promise<Answer> => {
    const headers = route.conditional ? { 'if-match': '*' } : {}
    return caller.send(route.method, ofBob(route), body(route, more), headers)
  }
  /** Everything that is Bob's and can be changed. */
  const bobs = async () => ({
    me: (await bob.get('/api/v1/users/me')).json,
    sessions: (await bob.get('/api/v1/users/me/sessions')).json,
    consents: (await bob.get('/api/v1/users/me/consents')).json,
  })

  it('one’s own routes know one person, whoever’s id is asked for', async () => {
    const before = await bobs()
    const withId = OWN.filter(({ path }) => path.includes('/:'))
    expect(withId.length).to.be.at.least(2)
    for (const route of withId) {
      const { status } = await ask(alice, route)
      expect(status, route.operation).to.equal(404)
    }
    for (const route of OWN.filter(({ method, path }) => method === 'GET' && !path.includes('/:'))) {
      const { text } = await alice.get(`${route.path}?user_id=${bob.userId}&id=${bob.userId}`)
      expect(text, route.operation).to.not.include(bob.email)
      const { text: own } = await alice.get(route.path)
      expect(own, route.operation).to.not.include(bob.email).and.not.include(session)
    }
    expect(await bobs()).to.deep.equal(before)
  })

  it('an administrator’s routes are closed to people without a role, and nothing happens', async () => {
    const before = await bobs()
    for (const route of ADMINS) {
      const { status, json } = await ask(alice, route)
      expect([status, json?.code], route.operation).to.deep.equal([403, 'forbidden'])
    }
    expect(await bobs()).to.deep.equal(before)
  })

  it('nobody without a token learns whether something exists', async () => {
    for (const route of ADMINS) {
      const known = await send(route.method, app.issuer + ofBob(route), undefined)
      const unknown = await send(
        route.method,
        app.issuer + route.path.replace(/:\w+/g, 'none-such'),
        undefined,
      )
      expect([known.status, known.json.code], route.operation).to.deep.equal([401, 'token_missing'])
      expect(unknown.json.code).to.equal(known.json.code)
    }
  })

  it('a program has what it was given, of each route, and no account', async () => {
    const before = await bobs()
    for (const route of [...OWN, ...ADMINS]) {
      const { status, json, text } = await ask(program, route)
      if (route.permission === 'users:read') expect(status, text).to.be.oneOf([200, 400, 404])
      else expect(json?.code, `${route.operation} ${text}`).to.be.oneOf(['forbidden', 'insufficient_scope'])
    }
    expect(await bobs()).to.deep.equal(before)
  })

  it('every body is closed: a member that is not known is refused by name, for every route that takes one', async () => {
    expect(WITH_BODY.length).to.be.at.least(20)
    for (const route of WITH_BODY) {
      const members = Object.keys((route.input.body as { shape?: object }).shape ?? {})
      const foreign = FOREIGN.filter((name) => !members.includes(name))
      const sent = Object.fromEntries(foreign.map((name) => [name, bob.userId]))
      const caller = route.permission === 'anyone' ? callerOf(app, '') : owner
      const { status, json, text } = await ask(caller, route, sent)
      expect(status, `${route.operation} ${text}`).to.equal(422)
      const refused = json.errors
        .filter(({ code }: { code: string }) => code === 'unknown_field')
        .map(({ pointer }: { pointer: string }) => pointer.slice(1))
      expect(refused, route.operation).to.have.members(foreign)
    }
  })

  it('what a person changes of themselves cannot make them more, whatever they add', async () => {
    for (const member of ['roles', 'status', 'email_verified', 'id', 'permissions']) {
      const sent = { profile: { name: 'Alice' }, [member]: ['owner'] }
      const { json } = await alice.send('PATCH', '/api/v1/users/me', sent, { 'if-match': '*' })
      expect(json.errors[0], member).to.include({ pointer: `/${member}`, code: 'unknown_field' })
      const inside = { profile: { name: 'Alice', [member]: ['owner'] } }
      const deep = await alice.send('PATCH', '/api/v1/users/me', inside, { 'if-match': '*' })
      expect(deep.status, member).to.equal(422)
    }
    expect((await alice.get('/api/v1/users/me')).json.roles).to.deep.equal([])
  })
})
