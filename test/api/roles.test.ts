/** Roles of the deployment and inside applications, as owners and administrators keep them by API. */
import { expect } from 'chai'
import { audited, type Caller, CONSOLE, newCaller, signedIn } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'

const ROLES = '/api/v1/admin/roles'
const USERS = '/api/v1/admin/users'
const OF_WEB = '/api/v1/admin/clients/web/roles'
const ANY = { 'if-match': '*' }

onEveryStack('the API: roles', { people: [], overrides: { clients: [webClient(CONSOLE)] } }, (app) => {
  let owner: Caller
  let admin: Caller
  before(async function () {
    this.timeout(120_000)
    owner = await newCaller(app, 'owner', ['owner'])
    admin = await newCaller(app, 'admin', ['admin'])
  })
  const refused = async (answer: Promise<{ status: number; json: { code: string } }>, code: string) => {
    const { status, json } = await answer
    expect([status, json?.code]).to.deep.equal([
      { forbidden: 403, not_found: 404, invalid_input: 422, stale: 412 }[code] ?? 409,
      code,
    ])
  }
  const details = async (name: string) => (await audited(app, name)).map(({ detail }) => detail)

  it('are the built-in ones, which stay as they are, and those that were made here', async () => {
    const body = { name: 'desk', description: 'Front desk', permissions: ['users:read', 'sessions:write'] }
    const made = await owner.send('POST', ROLES, body)
    expect([made.status, made.json]).to.deep.equal([201, { ...body, built_in: false }])
    expect(made.headers.get('location')).to.equal(`${app.issuer}${ROLES}/desk`)
    const { json } = await admin.get(ROLES)
    expect(json.items.map(({ name }: { name: string }) => name)).to.deep.equal([
      ...['owner', 'admin', 'support', 'auditor', 'desk'],
    ])
    await refused(owner.send('POST', ROLES, body), 'role_taken')
    await refused(owner.send('POST', ROLES, { ...body, name: 'owner' }), 'role_taken')
    await refused(
      owner.send('PATCH', `${ROLES}/admin`, { permissions: ['users:read'] }, ANY),
      'built_in_role',
    )
    await refused(owner.send('DELETE', `${ROLES}/support?force=true`), 'built_in_role')
    for (const wrong of [
      { ...body, name: 'x', permissions: ['users:fly'] },
      { ...body, name: 'x', permissions: ['account:write'] },
      { ...body, name: 'x', permissions: [] },
      { ...body, name: 'x', permissions: ['users:read', 'users:read'] },
      { ...body, name: 'No Name' },
      { ...body, name: 'x', built_in: true },
    ])
      await refused(owner.send('POST', ROLES, wrong), 'invalid_input')
    const permissions = (await admin.get('/api/v1/admin/permissions')).json.items
    expect(permissions.map(({ name }: { name: string }) => name))
      .to.include('roles:write')
      .and.not.include('account:read')
    const expected = { by: owner.userId, role: 'desk', permissions: 'users:read sessions:write' }
    expect(await details('role.created')).to.deep.equal([expected])
  })

  it('count with the next request: what a role allows, and that it is gone', async () => {
    const clerk = await newCaller(app, 'clerk')
    const path = `${USERS}/${clerk.userId}/roles`
    expect((await clerk.get(USERS)).status).to.equal(403)
    expect((await owner.send('PUT', `${path}/desk`)).json.roles).to.deep.equal(['desk'])
    expect((await clerk.get(USERS)).status).to.equal(200)
    const seen = await owner.get(`${ROLES}/desk`)
    const etag = String(seen.headers.get('etag'))
    const changes = { permissions: ['sessions:write'] }
    const changed = await owner.send('PATCH', `${ROLES}/desk`, changes, { 'if-match': etag })
    expect([changed.status, changed.json.permissions]).to.deep.equal([200, ['sessions:write']])
    expect((await clerk.get(USERS)).status).to.equal(403)
    await refused(owner.send('PATCH', `${ROLES}/desk`, changes, { 'if-match': etag }), 'stale')
    await owner.send('PATCH', `${ROLES}/desk`, { permissions: ['users:read'] }, ANY)
    expect((await clerk.get(USERS)).status).to.equal(200)

    const kept = await owner.send('DELETE', `${ROLES}/desk`)
    expect([kept.status, kept.json.code]).to.deep.equal([409, 'role_in_use'])
    expect(kept.json.detail).to.include(clerk.userId)
    expect((await clerk.get(USERS)).status).to.equal(200)
    expect((await owner.send('DELETE', `${ROLES}/desk?force=true`)).status).to.equal(204)
    expect((await clerk.get(USERS)).status).to.equal(403)
    const taken = (await audited(app, 'role.taken')).filter(({ user_id }) => user_id === clerk.userId)
    expect(taken.map(({ detail }) => detail)).to.deep.equal([{ by: owner.userId, role: 'desk' }])
    expect(await details('role.deleted')).to.deep.equal([{ by: owner.userId, role: 'desk' }])

    // One of the same name is another: nobody has it.
    await owner.send('POST', ROLES, { name: 'desk', permissions: ['users:read'] })
    expect((await clerk.get(USERS)).status).to.equal(403)
    await refused(owner.send('DELETE', `${ROLES}/nothing`), 'not_found')
  })

  it('never grow by somebody who has less', async () => {
    const keeper = await newCaller(app, 'keeper')
    const friend = await newCaller(app, 'friend')
    const permissions = ['roles:read', 'roles:write', 'users:read']
    await owner.send('POST', ROLES, { name: 'keeper', permissions })
    await owner.send('PUT', `${USERS}/${keeper.userId}/roles/keeper`)
    const mighty = { name: 'mighty', permissions: ['users:delete'] }
    await refused(keeper.send('POST', ROLES, mighty), 'forbidden')
    await owner.send('POST', ROLES, mighty)
    await refused(keeper.send('PATCH', `${ROLES}/mighty`, { permissions: ['users:read'] }, ANY), 'forbidden')
    await refused(
      keeper.send('PATCH', `${ROLES}/keeper`, { permissions: mighty.permissions }, ANY),
      'forbidden',
    )
    await refused(keeper.send('DELETE', `${ROLES}/mighty`), 'forbidden')
    for (const role of ['mighty', 'owner', 'admin', 'support'])
      for (const to of [keeper, friend])
        await refused(keeper.send('PUT', `${USERS}/${to.userId}/roles/${role}`), 'forbidden')
    await refused(keeper.send('DELETE', `${USERS}/${admin.userId}/roles/admin`), 'forbidden')
    expect((await keeper.send('PUT', `${USERS}/${friend.userId}/roles/keeper`)).status).to.equal(200)
    expect((await keeper.get(USERS)).status, 'and nothing was changed').to.equal(200)
    expect((await owner.get(`${USERS}/${keeper.userId}/roles`)).json.roles).to.deep.equal(['keeper'])
    // Nor by an app that was given less than its owner has.
    const narrow = await signedIn(app, owner.email, { scopes: ['roles:write'] })
    await refused(narrow.send('PUT', `${USERS}/${friend.userId}/roles/owner`), 'forbidden')
  })

  it('of a role that goes and is given at the same moment nothing is left over', async () => {
    const person = await newCaller(app, 'racer')
    for (let round = 0; round < 5; round += 1) {
      await owner.send('POST', ROLES, { name: 'brief', permissions: ['audit:read'] })
      const [given, deleted] = await Promise.all([
        owner.send('PUT', `${USERS}/${person.userId}/roles/brief`),
        owner.send('DELETE', `${ROLES}/brief?force=true`),
      ])
      expect([200, 404]).to.include(given.status)
      expect(deleted.status).to.equal(204)
      const left = await app.sql.query(`select * from user_roles where role = 'brief'`)
      expect(left).to.deep.equal([])
    }
  })

  it('inside an application are defined, given and taken, each with its record', async () => {
    const person = await newCaller(app, 'editor')
    const given = `${USERS}/${person.userId}/clients/web/roles`
    const made = await admin.send('POST', OF_WEB, { name: 'editor', description: 'Writes' })
    expect([made.status, made.json]).to.deep.equal([201, { name: 'editor', description: 'Writes' }])
    await refused(admin.send('POST', OF_WEB, { name: 'editor' }), 'role_taken')
    await refused(admin.send('POST', '/api/v1/admin/clients/none/roles', { name: 'a' }), 'not_found')
    await refused(admin.send('PUT', `${given}/nobody`), 'not_found')
    await refused(admin.send('PUT', `${USERS}/usr_none/clients/web/roles/editor`), 'not_found')
    await refused(admin.send('PUT', `${USERS}/${owner.userId}/clients/web/roles/editor`), 'forbidden')
    expect((await admin.send('PUT', `${given}/editor`)).status).to.equal(204)
    expect((await admin.send('PUT', `${given}/editor`)).status, 'once more is no fault').to.equal(204)
    expect((await admin.get(`${USERS}/${person.userId}/roles`)).json).to.deep.equal({
      roles: [],
      applications: [{ client_id: 'web', role: 'editor' }],
    })
    const changed = await admin.send('PATCH', `${OF_WEB}/editor`, { description: 'Edits' }, ANY)
    expect(changed.json).to.deep.equal({ name: 'editor', description: 'Edits' })
    expect((await admin.get(`${OF_WEB}/editor`)).json).to.deep.equal(changed.json)
    const kept = await admin.send('DELETE', `${OF_WEB}/editor`)
    expect([kept.json.code, kept.json.detail]).to.deep.equal([
      'role_in_use',
      '1 person has the role: take it from them, or delete with force',
    ])
    expect((await admin.send('DELETE', `${given}/editor`)).status).to.equal(204)
    await refused(admin.send('DELETE', `${given}/editor`), 'not_found')
    expect((await admin.send('DELETE', `${OF_WEB}/editor`)).status).to.equal(204)
    expect((await admin.get(OF_WEB)).json.items).to.deep.equal([])
    const by = admin.userId
    for (const [name, detail] of Object.entries({
      created: { by, role: 'editor' },
      updated: { by, role: 'editor' },
      given: { by, role: 'editor' },
      taken: { by, role: 'editor' },
      deleted: { by, role: 'editor', holders: 0 },
    })) {
      const records = await audited(app, `application_role.${name}`)
      expect(
        records.map((record) => [record.client_id, record.detail]),
        name,
      ).to.deep.equal([['web', detail]])
    }
  })
})
