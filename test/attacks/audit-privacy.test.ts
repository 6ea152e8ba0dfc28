/**
 * What identifies somebody in the audit records. Who has the database and not the secret key reads none of it; and once
 * a person is deleted nobody does, while the chain says what it said.
 */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { withoutPlace } from '../../src/api/routes/reading.ts'
import { AuditKeys, digestOf } from '../../src/crypto/audit-keys.ts'
import type { AuditEvent } from '../../src/domain/audit/events.ts'
import { AuditLedger } from '../../src/domain/audit/ledger.ts'
import type { AuditRecord } from '../../src/domain/directory/directory.ts'
import { newCaller } from '../support/api.ts'
import { newKeyring, type SqlInstance, selected, sqlBackends, storesOn } from '../support/backends.ts'
import { onEveryStack } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'
import { sampleUser } from '../support/samples.ts'

const IP = '2001:db8::1234'
const AGENT = 'Lynx of one person'
const request = { id: 'r', ip: IP, userAgent: AGENT }

for (const backend of selected(sqlBackends).filter(({ name }) => name !== 'pglite (disk)'))
  describe(`what audit records say of people (${backend.name})`, function () {
    this.timeout(60_000)
    let instance: Awaited<ReturnType<typeof backend.fresh>>
    let ledger: AuditLedger
    before(async () => {
      instance = await backend.fresh()
      ledger = new AuditLedger({ database: instance.database, digest: digestOf, keys: new AuditKeys() })
    })
    after(() => instance.dispose())

    async function somebody(): Promise<string> {
      const { id } = await instance.database.users.insert(sampleUser())
      return id
    }
    const records = async (userId?: string, { database }: Pick<SqlInstance, 'database'> = instance) =>
      (await database.trail.list({ userId, limit: 100 })).items
    const append = (event: Partial<AuditEvent>, { database }: Pick<SqlInstance, 'database'> = instance) =>
      database.audit.append({ name: 'user.signed_in', outcome: 'success', request, ...event })
    const keysOf = async (userId: string) =>
      instance.connection.knex('audit_person_keys').where({ user_id: userId }).select('id')

    it('is read by who has the key, and stands nowhere in clear', async () => {
      const userId = await somebody()
      await append({ userId, personal: { email: 'one@example.org' } })
      await append({ userId })
      const [second, first] = await records(userId)
      expect(first).to.deep.include({ ip: IP, userAgent: AGENT, personal: { email: 'one@example.org' } })
      expect(second).to.deep.include({ ip: IP, userAgent: AGENT, personal: {} })
      expect(await keysOf(userId), 'one key for all of a day').to.have.length(1)
      for (const table of ['audit_events', 'audit_person_keys']) {
        const { rows } = await instance.connection.knex.raw(`select t::text as text from ${table} t`)
        const all = rows.map(({ text }: { text: string }) => text).join('\n')
        for (const clear of [IP, AGENT, 'one@example.org']) expect(all).to.not.include(clear)
      }
    })

    it('opens under no other secret key', async () => {
      const userId = await somebody()
      await append({ userId })
      const thief = storesOn(instance.connection, newKeyring())
      const [read] = await records(userId, thief)
      expect(read).to.deep.include({ ip: undefined, userAgent: undefined, personal: {} })
    })

    it('is gone with the person, from what they did and what was done to them, and the chain is whole', async () => {
      const [admin, person] = [await somebody(), await somebody()]
      await append({ userId: person, personal: { email: 'gone@example.org' } })
      await append({
        ...{ name: 'user.updated', userId: person, detail: { by: admin } },
        personal: { email: 'gone@example.org' },
      })
      await append({ name: 'client.created', detail: { by: person } })
      await ledger.link()
      const before = await ledger.verify()
      await instance.database.users.delete(person)
      const [updated, signedIn] = await records(person)
      expect(signedIn).to.deep.include({ ip: undefined, userAgent: undefined, personal: {} })
      expect(updated, 'the administrator is still there').to.deep.include({ ip: IP, personal: {} })
      const [made] = (await records()).filter(({ name }) => name === 'client.created')
      expect(made).to.deep.include({ ip: undefined, userAgent: undefined })
      expect(await keysOf(person)).to.deep.equal([])
      const after = await ledger.verify(before.head)
      expect(after).to.deep.include({ links: before.links, findings: [] })
      await instance.database.users.delete(admin)
      expect((await records(person))[0]).to.deep.include({ ip: undefined })
    })

    it('belongs to who came from elsewhere with an id of there, as to anybody', async () => {
      const [{ id: admin }, person] = [
        await instance.database.users.insert({ ...sampleUser(), id: randomUUID() }),
        await somebody(),
      ]
      await append({ name: 'user.updated', userId: person, detail: { by: admin } })
      const did = async (actorId: string) =>
        (await instance.database.trail.list({ actorId, limit: 10 })).items.map(({ name }) => name)
      expect(await did(admin)).to.deep.equal(['user.updated'])
      expect(await did(person), 'they did nothing').to.deep.equal([])
      const [shown] = await records(person)
      expect(shown).to.deep.include({ ip: IP, userAgent: AGENT })
      expect(withoutPlace(shown as AuditRecord, person), 'to the person').to.deep.include({ ip: undefined })
      await instance.database.users.delete(admin)
      expect((await records(person))[0]).to.deep.include({ ip: undefined, userAgent: undefined })
    })

    it('is not kept of what is written after them, by whoever still has their key in memory', async () => {
      const person = await somebody()
      const other = storesOn(instance.connection, instance.atRest)
      await append({ userId: person })
      await append({ userId: person }, other)
      await instance.database.transaction(async ({ users, audit }) => {
        await users.delete(person)
        await audit.append({ name: 'user.deleted', outcome: 'success', userId: person, request })
      })
      await append({ userId: person })
      await append({ userId: person }, other)
      expect(new Set((await records(person)).map(({ ip }) => ip))).to.deep.equal(new Set([undefined]))
      expect(await keysOf(person)).to.deep.equal([])
    })

    it('is kept when the first record under a key came to nothing', async () => {
      const person = await somebody()
      await instance.database
        .transaction(async ({ audit }) => {
          await audit.append({ name: 'user.signed_in', outcome: 'success', userId: person, request })
          throw new Error('for another reason')
        })
        .catch(() => {})
      await append({ userId: person })
      expect((await records(person)).map(({ ip }) => ip)).to.deep.equal([IP])
    })

    it('is not kept of who is deleted at the very moment', async () => {
      for (let round = 0; round < 10; round += 1) {
        const person = await somebody()
        const writers = [instance, storesOn(instance.connection, instance.atRest)]
        await Promise.all([
          ...writers.map((writer) => append({ userId: person }, writer)),
          instance.database.users.delete(person),
        ])
        expect(await keysOf(person), `round ${round}`).to.deep.equal([])
      }
    })

    it('keeps nobody from reading and checking the records, however it was damaged', async () => {
      const [userId, other] = [await somebody(), await somebody()]
      for (const person of [userId, userId, userId, other]) await append({ userId: person })
      await ledger.link()
      const ids = (await records(userId)).map(({ id }) => id)
      const sql = instance.connection.knex
      await sql.raw('alter table audit_events disable trigger all')
      await sql('audit_events').where({ id: ids[0] }).update({ sealed: 'no JSON' })
      await sql('audit_events')
        .where({ id: ids[1] })
        .update({ sealed: '{"a":1}', detail: sql.raw(`'null'`) })
      await sql('audit_events')
        .where({ id: ids[2] })
        .update({ sealed: sql.raw(`regexp_replace(sealed, ':"..', ':"AA')`) })
      await sql('audit_person_keys')
        .where({ user_id: other })
        .update({ sealed: Buffer.from('nothing') })
      await sql.raw('alter table audit_events enable trigger all')
      const read = await records(userId)
      expect(read.map(({ ip }) => ip)).to.deep.equal([undefined, undefined, undefined])
      expect((await records(other)).map(({ ip }) => ip)).to.deep.equal([undefined])
      const found = new Set((await ledger.verify()).findings.map(({ recordId }) => recordId))
      expect([...found].sort()).to.deep.equal(ids.sort())
    })

    it('can be changed in no record without being found', async () => {
      await append({})
      await ledger.link()
      const { knex } = instance.connection
      await knex.raw('alter table audit_events disable trigger all')
      await knex.raw(
        `update audit_events set sealed = null where id = (select max(id) from audit_events where sealed is not null)`,
      )
      expect((await ledger.verify()).findings.map(({ kind }) => kind)).to.include('changed')
    })
  })

const options = {
  people: [],
  settings: { DELETION_COOL_OFF_DAYS: '0' },
  overrides: { clients: [webClient()] },
}

onEveryStack('a person who was deleted', options, (app) => {
  it('has left no address in the record, which is whole', async function () {
    this.timeout(60_000)
    const auditor = await newCaller(app, 'auditor', ['auditor'])
    const gone = await newCaller(app, 'gone')
    const of = async () =>
      (await auditor.get(`/api/v1/admin/audit?user_id=${gone.userId}&limit=100`)).json.items as {
        name: string
        ip: string | null
      }[]
    expect((await of()).filter(({ ip }) => ip !== null)).to.have.length.above(1)
    expect((await gone.send('DELETE', '/api/v1/users/me')).status).to.equal(204)
    const left = await of()
    expect(left[0]?.name).to.equal('user.deleted')
    expect(new Set(left.map(({ ip }) => ip))).to.deep.equal(new Set([null]))
    const dump = await app.sql.dump()
    expect(dump.filter((row) => row.includes('gone@example.org'))).to.deep.equal([])
  })
})
