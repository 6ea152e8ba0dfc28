/**
 * What every operation that changes something leaves in the audit record, found by the id of its request; and those that leave
 * nothing are named. A route that somebody adds is asked here for its record.
 */
import { expect } from 'chai'
import { ROUTES } from '../../src/api/routes.ts'
import { type Caller, CONSOLE, callerOf, newCaller, signedIn } from '../support/api.ts'
import { auth, authAs, login } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, onEveryStack, send, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'

const ADMIN = '/api/v1/admin'
const USERS = `${ADMIN}/users`
const ME = '/api/v1/users/me'
const ANY = { 'if-match': '*' }
const HOOK = 'http://127.0.0.1:9'
const NEW = 'a newer calm keeper of the door'
const machine = {
  ...{ client_id: 'machine', client_secret: RP_SECRET, grant_types: ['client_credentials'] },
  ...{ redirect_uris: [], response_types: [] },
}
const options = {
  people: [],
  settings: { OUTBOUND_ALLOW: HOOK },
  overrides: {
    clients: [webClient(CONSOLE), webClient({ client_id: 'asks' }), machine],
    limits: { apiPerson: 1_000_000, apiNetwork: 1_000_000, mailNetwork: 1000, formNetwork: 1000 },
  },
}
/** Operation, and what it leaves, in order. Reading, and what gives nothing away, leaves nothing. */
type Left = Record<string, string[]>

onEveryStack('the API: the record of every operation', options, (app) => {
  let owner: Caller
  const seen = new Set<string>()
  before(async function () {
    this.timeout(120_000)
    owner = await newCaller(app, 'owner', ['owner'])
    // So that there is another one when this one leaves.
    await newCaller(app, 'second-owner', ['owner'])
  })

  const events = async ({ headers }: Answer) => {
    const rows = await app.sql.query<{ name: string }>(
      'select name from audit_events where request_id = $1 order by id',
      [headers.get('x-request-id')],
    )
    return rows.map(({ name }) => name)
  }
  const leaves = async (operation: string, answer: Answer, expected: string[]) => {
    seen.add(operation)
    expect(answer.status, `${operation}: ${answer.text}`).to.be.within(200, 204)
    expect(await events(answer), operation).to.deep.equal(expected)
    return answer
  }
  /** As the owner. */
  const does = async (
    operation: string,
    parts: Record<string, string>,
    body: unknown,
    expected: string[],
  ) => {
    const route = ROUTES.find((one) => one.operation === operation)
    const path = String(route?.path).replace(/:(\w+)/g, (_, name) => encodeURIComponent(parts[name] ?? ''))
    const headers = route?.conditional ? ANY : {}
    return leaves(operation, await owner.send(String(route?.method), path, body, headers), expected)
  }
  /** Somebody with a session, who allowed the app `asks` what it asked for. */
  const somebody = async (name: string) => {
    const person = await newCaller(app, name)
    await signIn(await discover(app.issuer, 'asks'), {}, { person, agent: person.agent })
    return person
  }

  it('is there of people', async () => {
    const { json } = await does('createUser', {}, { email: 'made@example.org', password: PASSWORD }, [
      'user.created',
    ])
    const one = { id: json.id }
    await does('updateUser', one, { username: 'made' }, ['user.updated'])
    await does('giveRole', { ...one, role: 'support' }, undefined, ['role.given'])
    await does('takeRole', { ...one, role: 'support' }, undefined, ['role.taken'])
    const given: Left = {
      disableUser: ['user.disabled'],
      enableUser: ['user.enabled'],
      forceUserReset: ['user.reset_forced'],
      signOutEverywhere: ['user.signed_out_everywhere'],
      deleteUser: ['user.deletion_begun'],
      restoreUser: ['user.restored'],
    }
    for (const [operation, left] of Object.entries(given)) await does(operation, one, undefined, left)
    const invited = await owner.send('POST', USERS, { email: 'invited@example.org' })
    await does('inviteUser', { id: invited.json.id }, undefined, ['user.invited'])
    const jane = await somebody('jane')
    const [session] = (await owner.get(`${USERS}/${jane.userId}/sessions`)).json.items
    await does('withdrawConsent', { id: jane.userId, client: 'asks' }, undefined, ['consent.withdrawn'])
    await does('endSession', { id: jane.userId, session: session.id }, undefined, ['session.ended'])
    const lines = await send(
      ...(['POST', `${app.issuer}${USERS}/import`, '{"email":"line@example.org"}'] as const),
      { bearer: owner.token, headers: { 'content-type': 'application/jsonl' } },
    )
    await leaves('importUsers', lines, ['user.imported', 'users.imported'])
    await does('exportUsers', {}, undefined, ['users.exported'])
  })

  it('is there of one’s own account', async () => {
    const kim = await somebody('kim')
    await signedIn(app, kim.email)
    const [there] = (await kim.get(`${ME}/sessions`)).json.items.filter(
      ({ client_ids }: { client_ids: string[] }) => !client_ids.includes('asks'),
    )
    const profile = { profile: { name: 'Kim' } }
    await leaves('updateMe', await kim.send('PATCH', ME, profile, ANY), ['user.updated'])
    await leaves('exportMe', await kim.send('POST', `${ME}/export`), ['user.exported'])
    await leaves('withdrawMyConsent', await kim.send('DELETE', `${ME}/consents/asks`), ['consent.withdrawn'])
    await leaves('endMySession', await kim.send('DELETE', `${ME}/sessions/${there.id}`), ['session.ended'])
    await leaves('deleteMe', await kim.send('DELETE', ME), ['user.deletion_begun'])
  })

  it('is there of sign-ins', async () => {
    const email = 'new@example.org'
    const made = await auth(app, 'register', { email, password: PASSWORD })
    await leaves('register', made, ['user.registration_begun'])
    const codeIn = ({ text }: { text: string }) => /\b\d{3}\s?\d{3}\b/.exec(text)?.[0]
    const proof = { id: made.json.id, code: codeIn(await app.nextMail(email)) }
    await leaves('verifyEmail', await auth(app, 'verify-email', proof), ['user.registered'])
    const first = await auth(app, 'login', { email, password: PASSWORD })
    await leaves('signIn', first, ['user.signed_in'])
    const refreshed = await auth(app, 'refresh', { refresh_token: first.json.refresh_token })
    await leaves('refreshTokens', refreshed, [])
    await leaves('signOut', await authAs(app, refreshed.json.access_token, 'logout'), ['session.ended'])
    const { access_token: bearer } = await login(app, email)
    const change = { current_password: PASSWORD, new_password: NEW }
    const changed = await auth(app, 'change-password', change, { bearer })
    await leaves('changePassword', changed, ['user.password_changed'])
    await app.nextMail(email, 1)
    await leaves('forgotPassword', await auth(app, 'forgot-password', { email }), ['user.reset_requested'])
    const [, token] = /\/reset-password\/(\S+)/.exec((await app.nextMail(email, 2)).text) ?? []
    const reset = await auth(app, 'reset-password', { token, password: PASSWORD })
    await leaves('resetPassword', reset, ['user.password_changed'])
    const last = await login(app, email)
    const everywhere = await authAs(app, last.access_token, 'logout-all')
    await leaves('signOutAll', everywhere, ['user.signed_out_everywhere'])

    const unproven = 'unproven@example.org'
    await createPerson(app, { email: unproven, verified: false })
    const { json } = await auth(app, 'login', { email: unproven, password: PASSWORD })
    const step = {
      auth_session: json.auth_session,
      verification_code: codeIn(await app.nextMail(unproven)),
    }
    const done = await auth(app, 'login/continue', step)
    await leaves('continueSignIn', done, ['user.email_verified', 'user.signed_in'])
    await leaves('resendVerification', await auth(app, 'resend-verification', { email: unproven }), [])
    expect((await callerOf(app, done.json.access_token).get(ME)).status).to.equal(200)
  })

  it('is there of applications and of roles', async () => {
    const metadata = { redirect_uris: [CALLBACK], grant_types: ['authorization_code'] }
    const { json } = await does('createClient', {}, { metadata }, ['client.created'])
    const one = { id: json.client_id }
    await does('updateClient', one, { metadata: { client_name: 'Named' } }, ['client.updated'])
    const given: Left = {
      replaceClientSecret: ['client.secret_replaced'],
      revokeFormerClientSecret: ['client.secret_revoked'],
      disableClient: ['client.disabled'],
      enableClient: ['client.enabled'],
      makeTestUrl: [],
    }
    for (const [operation, left] of Object.entries(given)) await does(operation, one, undefined, left)
    const allowed = { permissions: ['users:read'] }
    await does('allowClientApi', { id: 'machine' }, allowed, ['client.api_access_changed'])

    const { id } = await createPerson(app, { email: 'editor@example.org' })
    const role = { ...one, role: 'editor' }
    const held = { id, client: one.id, role: 'editor' }
    await does('createApplicationRole', one, { name: 'editor' }, ['application_role.created'])
    await does('updateApplicationRole', role, { description: 'Edits' }, ['application_role.updated'])
    await does('giveApplicationRole', held, undefined, ['application_role.given'])
    await does('takeApplicationRole', held, undefined, ['application_role.taken'])
    await does('deleteApplicationRole', role, undefined, ['application_role.deleted'])
    await does('deleteClient', one, undefined, ['client.deleted'])
    await does('createRole', {}, { name: 'desk', permissions: ['users:read'] }, ['role.created'])
    await does('updateRole', { role: 'desk' }, { description: 'Front desk' }, ['role.updated'])
    await does('deleteRole', { role: 'desk' }, undefined, ['role.deleted'])
  })

  it('is there of what the protocol stands on', async () => {
    const api = { id: 'https://orders.example/api' }
    const body = { audience: api.id, scopes: [{ name: 'read' }] }
    await does('createResourceServer', {}, body, ['resource_server.created'])
    await does('updateResourceServer', api, { name: 'Orders' }, ['resource_server.updated'])
    for (const what of ['disable', 'enable', 'delete'])
      await does(`${what}ResourceServer`, api, undefined, [`resource_server.${what}d`])
    const token = { name: 'CI' }
    const { json } = await does('createInitialAccessToken', {}, token, ['initial_access_token.created'])
    await does('revokeInitialAccessToken', { id: json.id }, undefined, ['initial_access_token.revoked'])
    await does('rotateSigningKeys', {}, { line: 'ES256' }, ['signing_key.added'])
    const keys = (await owner.get(`${ADMIN}/keys`)).json.items
    const { kid } = keys.find(
      ({ line, state }: Record<string, string>) => line === 'ES256' && state === 'next',
    )
    await does('revokeSigningKey', { kid }, { confirm: kid }, ['signing_key.revoked'])
  })

  it('is there of who is told, and of what could not be', async () => {
    const body = { url: `${HOOK}/hook`, events: ['setup.completed'] }
    const { json } = await does('createWebhook', {}, body, ['webhook.created'])
    const one = { id: json.id }
    await does('updateWebhook', one, { description: 'Tells' }, ['webhook.updated'])
    await does('rotateWebhookSecret', one, undefined, ['webhook.secret_rotated'])
    await does('testWebhook', one, undefined, ['webhook.tested'])
    await does('replayWebhook', one, { since: '2026-01-01T00:00:00Z' }, ['webhook.replayed'])
    await does('deleteWebhook', one, undefined, ['webhook.deleted'])
    const dead = async () => {
      const job = { kind: 'backchannel-logout', clientId: 'gone', accountId: 'usr_gone' }
      const [row] = await app.sql.query<{ id: string }>(
        'insert into outbox (job, attempts, dead_at) values ($1, 9, now()) returning id',
        [JSON.stringify(job)],
      )
      return { id: String(row?.id) }
    }
    const kind = { kind: 'backchannel-logout' }
    await does('discardDeadLetter', await dead(), undefined, ['outbox.discarded'])
    await dead()
    await does('discardDeadLetters', {}, kind, ['outbox.discarded'])
    await does('replayDeadLetter', await dead(), undefined, ['outbox.replayed'])
    await dead()
    await does('replayDeadLetters', {}, kind, ['outbox.replayed'])
    await does('exportAudit', {}, undefined, ['audit.exported'])
    await does('verifyAudit', {}, {}, [])
  })

  it('was looked for at every operation that changes something', () => {
    const changing = ROUTES.filter(({ method, streams }) => method !== 'GET' || streams)
    expect([...seen]).to.have.members(changing.map(({ operation }) => operation))
  })
})
