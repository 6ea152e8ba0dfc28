/**
 * Every route of the table, asked by everybody: a route that is not in the list of who may fails here, so that none
 * comes without somebody having thought about it. And whatever is sent, no answer is a fault of ours.
 */
import { expect } from 'chai'
import { PROBLEMS } from '../../src/api/problem.ts'
import { errorsOf, type Route } from '../../src/api/route.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { expectNoInsides } from '../support/answer-rules.ts'
import { type Caller, CONSOLE, newCaller, signedIn } from '../support/api.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, onEveryStack, send, sendJson } from '../support/protocol.ts'
import { randomFrom } from '../support/random-from.ts'
import { webClient } from '../support/relying-party.ts'
import { sampleClient } from '../support/samples.ts'

/** Of what is sent at random; a run that failed is done again by it. */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
let random = randomFrom(SEED)
const randomInt = (below: number) => Math.floor(random() * below)

const EVERYBODY = ['user', 'support', 'auditor', 'admin', 'owner']
const ADMINS = ['admin', 'owner']
const READERS = ['support', 'auditor', 'admin', 'owner']

/** Who may, written down by hand: the other side of the table in `src/domain/permissions`. */
const MAY: Record<string, string[]> = {
  readMe: EVERYBODY,
  updateMe: EVERYBODY,
  deleteMe: EVERYBODY,
  listMySessions: EVERYBODY,
  endMySession: EVERYBODY,
  listMyActivity: EVERYBODY,
  listMyConsents: EVERYBODY,
  withdrawMyConsent: EVERYBODY,
  listUsers: READERS,
  createUser: ADMINS,
  readUser: READERS,
  updateUser: ADMINS,
  deleteUser: ADMINS,
  restoreUser: ADMINS,
  inviteUser: ADMINS,
  forceUserReset: ADMINS,
  disableUser: ADMINS,
  enableUser: ADMINS,
  importUsers: ADMINS,
  exportUsers: ADMINS,
  giveRole: ['owner'],
  takeRole: ['owner'],
  listSessions: READERS,
  signOutEverywhere: ['support', ...ADMINS],
  endSession: ['support', ...ADMINS],
  listConsents: READERS,
  withdrawConsent: ['support', ...ADMINS],
  listClients: ['auditor', ...ADMINS],
  createClient: ADMINS,
  readClient: ['auditor', ...ADMINS],
  updateClient: ADMINS,
  deleteClient: ADMINS,
  disableClient: ADMINS,
  enableClient: ADMINS,
  replaceClientSecret: ADMINS,
  listClientSecrets: ['auditor', ...ADMINS],
  revokeFormerClientSecret: ADMINS,
  lintClient: ['auditor', ...ADMINS],
  listAudit: ['auditor', ...ADMINS],
  exportAudit: ['auditor', ...ADMINS],
  verifyAudit: ['auditor', ...ADMINS],
  listWebhooks: ADMINS,
  createWebhook: ADMINS,
  readWebhook: ADMINS,
  updateWebhook: ADMINS,
  deleteWebhook: ADMINS,
  rotateWebhookSecret: ADMINS,
  testWebhook: ADMINS,
  listWebhookDeliveries: ADMINS,
  replayWebhook: ADMINS,
  readSystem: ['auditor', ...ADMINS],
  explainFailure: ['auditor', ...ADMINS],
  exportMe: EVERYBODY,
  verifyToken: EVERYBODY,
  changePassword: EVERYBODY,
  signOut: EVERYBODY,
  signOutAll: EVERYBODY,
  allowClientApi: ADMINS,
  listPermissions: ['auditor', ...ADMINS],
  listRoles: ['auditor', ...ADMINS],
  createRole: ['owner'],
  readRole: ['auditor', ...ADMINS],
  updateRole: ['owner'],
  deleteRole: ['owner'],
  listApplicationRoles: ['auditor', ...ADMINS],
  createApplicationRole: ADMINS,
  readApplicationRole: ['auditor', ...ADMINS],
  updateApplicationRole: ADMINS,
  deleteApplicationRole: ADMINS,
  listRolesOfUser: READERS,
  giveApplicationRole: ADMINS,
  takeApplicationRole: ADMINS,
  listResourceServers: ['auditor', ...ADMINS],
  createResourceServer: ADMINS,
  readResourceServer: ['auditor', ...ADMINS],
  updateResourceServer: ADMINS,
  deleteResourceServer: ADMINS,
  disableResourceServer: ADMINS,
  enableResourceServer: ADMINS,
  listInitialAccessTokens: ['auditor', ...ADMINS],
  createInitialAccessToken: ADMINS,
  revokeInitialAccessToken: ADMINS,
  listSigningKeys: ['auditor', ...ADMINS],
  rotateSigningKeys: ADMINS,
  revokeSigningKey: ADMINS,
  listDeadLetters: ['auditor', ...ADMINS],
  replayDeadLetter: ADMINS,
  replayDeadLetters: ADMINS,
  discardDeadLetter: ADMINS,
  discardDeadLetters: ADMINS,
  searchSessions: READERS,
  searchConsents: READERS,
  readUsage: ['auditor', ...ADMINS],
  readSettings: ['auditor', ...ADMINS],
  makeTestUrl: ['auditor', ...ADMINS],
}

/** Asked for without a token, each of them thought about: what it tells strangers is in `test/advisories/h-*`. */
const ANYONE = [
  ...['signIn', 'continueSignIn', 'refreshTokens', 'register', 'verifyEmail'],
  ...['resendVerification', 'forgotPassword', 'resetPassword'],
]
const WITH_TOKEN = ROUTES.filter(({ permission }) => permission !== 'anyone')

/** Of somebody else. */
const WRITES = ROUTES.filter(({ target, permission }) => target && !permission.endsWith(':read'))

/** These end the caller. */
const LAST = ['signOut', 'signOutAll', 'deleteMe']

const INORDER = WITH_TOKEN.filter(({ operation }) => !LAST.includes(operation))
const ENDINGS = LAST.flatMap((name) => WITH_TOKEN.filter(({ operation }) => operation === name))

const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000, apiNetwork: 1_000_000 } },
}

onEveryStack('the API: every route', options, (app) => {
  const callers: Record<string, Caller> = {}
  before(async function () {
    this.timeout(60_000)
    for (const role of EVERYBODY) callers[role] = await newCaller(app, role, role === 'user' ? [] : [role])
  })

  it('is in the list of who may, and the list names no other', () => {
    expect(WITH_TOKEN.map(({ operation }) => operation)).to.have.members(Object.keys(MAY))
    const open = ROUTES.filter((route) => !WITH_TOKEN.includes(route))
    expect(open.map(({ operation }) => operation)).to.have.members(ANYONE)
  })

  it('refuses who comes without a token, before anything else', async () => {
    for (const route of WITH_TOKEN) {
      const { status, json } = await send(route.method, app.issuer + addressOf(route), undefined)
      expect([status, json?.code], route.operation).to.deep.equal([401, 'token_missing'])
    }
  })

  it('refuses an app that was not given the scope, whoever its person is', async () => {
    const [first, second] = await Promise.all(
      (['account:read', 'system:read'] as const).map(async (scope) => ({
        scope,
        caller: await signedIn(app, 'owner@example.org', { scopes: [scope] }),
      })),
    )
    for (const route of WITH_TOKEN) {
      const wrong = route.permission === first?.scope ? second : first
      const { status, json } = await ask(wrong?.caller as Caller, route)
      expect([status, json?.code], route.operation).to.deep.equal([403, 'insufficient_scope'])
    }
  })

  for (const role of EVERYBODY)
    it(`lets ${role} do what is ${role}'s, and nothing else`, async function () {
      this.timeout(60_000)
      const { email } = callers[role] as Caller
      for (const route of [...INORDER, ...ENDINGS]) {
        // Each ending ends what came before it.
        const caller = ENDINGS.includes(route) ? await signedIn(app, email) : (callers[role] as Caller)
        const { status, json, text } = await ask(caller, route)
        const allowed = MAY[route.operation]?.includes(role)
        const said = `${route.operation}: ${status} ${text.slice(0, 200)}`
        if (allowed) expect(status, said).to.not.be.oneOf([401, 403])
        else expect([status, json?.code], said).to.deep.equal([403, 'forbidden'])
        expectDocumented(route, { status, json, text })
      }
    })

  it('lets anyone ask where no token is needed, whatever token comes along, and counts them by network', async () => {
    for (const route of ROUTES.filter(({ operation }) => ANYONE.includes(operation)))
      for (const bearer of [undefined, 'nonsense', callers.owner?.token]) {
        const options = bearer === undefined ? {} : { bearer }
        const answer = await sendJson(route.method, app.issuer + addressOf(route), {}, options)
        expect([answer.status, answer.json.code], route.operation).to.deep.equal([422, 'invalid_input'])
        expect(answer.headers.get('ratelimit'), route.operation).to.match(/^"network";r=\d+;t=\d+$/)
        expectDocumented(route, answer)
      }
  })

  it('keeps those with more rights out of the reach of those with fewer', async () => {
    const mighty = await newCaller(app, 'mighty', ['owner', 'admin'])
    const admin = await newCaller(app, 'plain-admin', ['admin'])
    const support = await newCaller(app, 'plain-support', ['support'])
    expect(WRITES.length).to.be.at.least(9)
    for (const route of WRITES) {
      const may = MAY[route.operation] ?? []
      const cases: [Caller, Caller][] = [
        ...(may.includes('admin') ? [[admin, mighty] as [Caller, Caller]] : []),
        ...(may.includes('support') ? [[support, admin] as [Caller, Caller]] : []),
      ]
      for (const [caller, target] of cases) {
        const { status, json } = await ask(caller, route, target.userId)
        expect([status, json?.code], route.operation).to.deep.equal([403, 'forbidden'])
      }
    }
    expect((await mighty.get('/api/v1/users/me')).status).to.equal(200)
    expect((await admin.get('/api/v1/users/me')).status).to.equal(200)
  })

  it('keeps them out of the reach of an app that was given less, whoever its person is', async () => {
    const mighty = await newCaller(app, 'mighty-too', ['owner'])
    for (const [permission, routes] of Map.groupBy(WRITES, ({ permission }) => permission)) {
      const narrow = await signedIn(app, mighty.email, { scopes: [permission] })
      for (const route of routes) {
        const { status, json } = await ask(narrow, route, mighty.userId)
        expect([status, json?.code], route.operation).to.deep.equal([403, 'forbidden'])
      }
    }
    expect((await mighty.get('/api/v1/users/me')).status).to.equal(200)
  })

  it(`never fails, whatever it is sent (SEED=${SEED})`, async function () {
    this.timeout(120_000)
    random = randomFrom(SEED)
    const owner = await newCaller(app, 'fuzz-owner', ['owner'])
    const victim = await createPerson(app, { email: 'victim@example.org' })
    const clientToo = sampleClient()
    await app.app.storage.database.clients.save(clientToo)
    for (const route of ROUTES.filter(({ operation }) => !LAST.includes(operation))) {
      for (let round = 0; round < 12; round += 1) {
        const path = addressOf(route, oneOf([victim.id, clientToo.id, ...STRANGE_IDS]))
        const query = route.method === 'GET' ? `?${new URLSearchParams(junkQuery(route))}` : ''
        const headers = { 'if-match': oneOf(['*', '"v1"', '"', 'W/"v1"', '"v99999999999999999"']) }
        const answer = route.input.body
          ? await owner.send(route.method, path + query, junkBody(route), headers)
          : await owner.send(route.method, path + query, undefined, headers)
        expectDocumented(route, answer)
      }
    }
    const raw = [
      '',
      '{',
      '[]',
      '"x"',
      'null',
      '{"a":1}x',
      '\u0000',
      '{"__proto__":{"x":1}}',
      '['.repeat(20_000),
    ]
    for (const route of ROUTES.filter(({ input }) => input.body))
      for (const body of raw) {
        const headers = { 'content-type': 'application/json', 'if-match': '*' }
        const answer = await send(route.method, app.issuer + addressOf(route, victim.id), body, {
          ...{ bearer: owner.token, headers },
        })
        expect(answer.status, `${route.operation} ${body.slice(0, 20)}`).to.be.oneOf([400, 422])
        expectDocumented(route, answer)
      }
  })

  it('takes JSON and nothing else, up to a size', async () => {
    const owner = await newCaller(app, 'size-owner', ['owner'])
    const path = `${app.issuer}/api/v1/admin/users`
    const as = (type: string, body: string) =>
      send('POST', path, body, { bearer: owner.token, headers: { 'content-type': type } })
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
    ])
      expect((await as(type, '{}')).json.code, type).to.equal('unsupported_media_type')
    const large = await as('application/json', JSON.stringify({ email: 'x'.repeat(40_000) }))
    expect([large.status, large.json.code]).to.deep.equal([413, 'too_large'])
  })
})

function ask(caller: Caller, route: Route, id?: string): Promise<Answer> {
  const headers = route.conditional ? { 'if-match': '*' } : {}
  return caller.send(route.method, addressOf(route, id), route.input.body ? {} : undefined, headers)
}

/** An address of the route about nothing that exists, or about `id`. */
function addressOf(route: Route, id = 'usr_nobody'): string {
  return route.path
    .replace(':id', encodeURIComponent(id))
    .replace(':session', 'AAAAAAAAAAAAAAAAAAAA')
    .replace(':client', 'no-client')
    .replace(':role', 'support')
    .replace(':kid', 'no-key')
}

function expectDocumented(
  route: Route,
  { status, json, text }: Pick<Answer, 'status' | 'json' | 'text'>,
): void {
  const said = `${route.operation}: ${status} ${text.slice(0, 300)}`
  expect(status, said).to.be.below(500)
  expectNoInsides({ status, text, headers: {} } as never, route.operation)
  if (status < 400) return
  expect(errorsOf(route), said).to.include(json?.code)
  expect(status, said).to.equal(PROBLEMS[json.code as keyof typeof PROBLEMS][0])
}

const STRANGE_IDS = [
  '%',
  '%2e%2e',
  '\u{1f600}',
  "' or 1=1 --",
  'x'.repeat(300),
  'usr_\ufffd',
  '__proto__',
  'constructor',
]
const JUNK: unknown[] = [
  ...[
    null,
    true,
    -1,
    1.5,
    1e308,
    '',
    ' ',
    'x',
    '\u0000',
    '\ud800',
    "'; drop table users; --",
    '<script>',
    '\u202e',
  ],
  ...['a@b.c', 'owner', '2026-01-01T00:00:00Z', 'https://x.example', 'x'.repeat(5000), [], {}, [[[]]]],
  ...[{ a: { b: { c: {} } } }, { $ne: 1 }, ['__proto__'], { constructor: 1 }, Array(50).fill('y')],
]

function oneOf<T>(values: readonly T[]): T {
  return values[randomInt(values.length)] as T
}

/** Members as they are called, with values as they are not. */
function membersOf(schema: unknown): string[] {
  return Object.keys((schema as { shape?: object } | undefined)?.shape ?? {})
}

function junkBody(route: Route): unknown {
  if (randomInt(6) === 0) return oneOf(JUNK)
  const names = [...membersOf(route.input.body), ...(randomInt(3) === 0 ? ['unknown'] : [])]
  const inner = () =>
    Object.fromEntries(['name', 'website', 'redirect_uris', 'jwks'].map((name) => [name, oneOf(JUNK)]))
  return Object.fromEntries(names.map((name) => [name, randomInt(3) === 0 ? inner() : oneOf(JUNK)]))
}

function junkQuery(route: Route): Record<string, string> {
  const names = [...membersOf(route.input.query), ...(randomInt(4) === 0 ? ['unknown'] : [])]
  const texts = JUNK.filter((value) => typeof value === 'string').filter(
    (text) => !text.includes('\0') && text.isWellFormed(),
  )
  return Object.fromEntries(
    names
      .filter(() => randomInt(2) === 0)
      .map((name) => [name, String(oneOf([...texts, '1', '-5'])).slice(0, 500)]),
  )
}
