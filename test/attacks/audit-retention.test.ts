/**
 * Records that went by retention, and somebody who would like one more to have gone. The check tells the two apart, and
 * still finds what is done to those that are left.
 */
import { expect } from 'chai'
import { AuditKeys, digestOf, isSignedBy } from '../../src/crypto/audit-keys.ts'
import { linkOf } from '../../src/domain/audit/chain.ts'
import type { AuditRetentionDays } from '../../src/domain/audit/classes.ts'
import type { AuditEventName } from '../../src/domain/audit/events.ts'
import { checkExport, exportLines } from '../../src/domain/audit/export.ts'
import { AuditLedger } from '../../src/domain/audit/ledger.ts'
import { Ranges, rangesOf } from '../../src/domain/audit/ranges.ts'
import { AuditRetention } from '../../src/domain/audit/retention.ts'
import { saying } from '../../src/storage/sql/audit-mark.ts'
import { selected, sqlBackends } from '../support/backends.ts'

const DAYS: AuditRetentionDays = { activity: 30, administration: 100, security: 0 }
const NAMES: AuditEventName[] = ['user.signed_in', 'client.updated', 'role.given']

for (const backend of selected(sqlBackends).filter(({ name }) => name !== 'pglite (disk)'))
  describe(`audit retention (${backend.name})`, function () {
    this.timeout(60_000)
    let instance: Awaited<ReturnType<typeof backend.fresh>>
    let ledger: AuditLedger
    let keys: AuditKeys

    const sql = (text: string, values: (string | number)[] = []) => instance.connection.knex.raw(text, values)
    const retention = (days = DAYS) =>
      new AuditRetention({ database: instance.database, digest: digestOf, keys, days })
    const kinds = async () =>
      (await ledger.verify()).findings.map(({ kind, seq }) => `${kind} ${seq ?? ''}`.trim())
    const left = async () => {
      const { rows } = await sql('select id, name from audit_events order by id')
      return rows.map(({ id }: { id: number }) => Number(id))
    }

    /** Records 1 to 12, of three classes in turn, so many days old; signed as they were made. */
    beforeEach(async () => {
      instance = await backend.fresh()
      keys = new AuditKeys()
      ledger = new AuditLedger({ database: instance.database, digest: digestOf, keys })
      for (let index = 0; index < 12; index += 1)
        await instance.database.audit.append({
          ...{ name: NAMES[index % 3] as AuditEventName, outcome: 'success', clientId: `c${index}` },
          request: { id: `r${index}`, ip: '192.0.2.1', userAgent: undefined },
        })
      await sql('alter table audit_events disable trigger all')
      // The first six are 200 days old, the next three 50, the last three new.
      await sql(`update audit_events set created_at = created_at - interval '200 days' where id <= 6`)
      await sql(
        `update audit_events set created_at = created_at - interval '50 days' where id between 7 and 9`,
      )
      await sql(`update audit_person_keys set created_at = created_at - interval '200 days'`)
      await sql('alter table audit_events enable trigger all')
      await ledger.link()
    })
    afterEach(() => instance.dispose())

    it('takes each class when its time is over, and the chain is whole', async () => {
      expect(await retention().prune()).to.equal(5)
      // activity: 1 4 7; administration: 2 5; of security nothing.
      expect(await left()).to.deep.equal([3, 6, 8, 9, 10, 11, 12, 13, 14])
      await ledger.link()
      expect(await ledger.verify()).to.deep.include({ links: 14, pruned: 5, findings: [] })
      expect(await retention().prune(), 'once').to.equal(0)
      const { items } = await instance.database.trail.list({ name: 'audit.pruned', limit: 10 })
      expect(items.map(({ detail }) => [detail.class, detail.records])).to.deep.equal([
        ['administration', 2],
        ['activity', 3],
      ])
    })

    it('destroys keys of people once no class needs them, and not while one is kept for ever', async () => {
      const stored = async () =>
        Number((await sql('select count(*) as count from audit_person_keys')).rows[0].count)
      await retention().prune()
      expect(await stored()).to.equal(1)
      await retention({ activity: 30, administration: 30, security: 199 }).prune()
      expect(await stored(), 'a day and more behind').to.equal(1)
      await retention({ activity: 30, administration: 30, security: 190 }).prune()
      expect(await stored()).to.equal(0)
    })

    /** Retention comes between what was read of its statements and what is read of the records. */
    function overtaken() {
      let pruned = false
      const auditChain = new Proxy(instance.database.auditChain, {
        get: (chain, name) => {
          const method = Reflect.get(chain, name).bind(chain)
          if (name !== 'prunings' || pruned) return method
          return async (skip: number) => {
            const before = await method(skip)
            pruned = true
            expect(await retention().prune()).to.equal(5)
            return before
          }
        },
      })
      return { ...instance.database, auditChain }
    }

    it('is no finding of who walks the chain at that moment', async () => {
      const walking = new AuditLedger({ database: overtaken(), digest: digestOf, keys })
      expect(await walking.verify()).to.deep.include({ pruned: 5, findings: [] })
    })

    it('is no finding in a file that is written at that moment', async () => {
      const publicKeys = async () =>
        (await keys.publicKeys(instance.database.auditKeys)).map((key) => ({ ...key }))
      const lines = exportLines(
        { database: overtaken(), issuer: 'https://op.example.org', publicKeys, at: new Date() },
        { after: 0, personal: false },
      )
      const verdict = await checkExport(lines, { digest: digestOf, verify: isSignedBy })
      // The two events of retention have no link yet.
      expect(verdict).to.deep.include({ links: 12, pruned: 5, waiting: 2, findings: [] })
    })

    it('takes nothing before it stands under a signed head', async () => {
      await sql('delete from audit_checkpoints')
      expect(await retention().prune()).to.equal(0)
    })

    it('leaves one that was changed, to be found', async () => {
      await sql('alter table audit_events disable trigger all')
      await sql(`update audit_events set client_id = 'other' where id = 4`)
      const refused = await retention()
        .prune()
        .catch((error: Error) => error.message)
      expect(refused).to.include('1 audit records are not as they were made')
      expect(await left())
        .to.include(4)
        .and.not.include(1)
      expect(await kinds()).to.deep.equal(['changed 4'])
    })

    it('takes nothing on the word of a link that was made anew for the moment', async () => {
      const { rows } = await sql('select seq, digest, hash from audit_chain where seq = 10')
      const [{ digest, hash }] = rows
      for (const table of ['audit_events', 'audit_chain'])
        await sql(`alter table ${table} disable trigger all`)
      await sql(`update audit_events set created_at = created_at - interval '200 days' where id = 10`)
      const [made] = await instance.database.auditChain.page(9, 1)
      if (!made?.record) throw new Error('there is no record')
      const [before] = await instance.database.auditChain.page(8, 1)
      const anew = linkOf(before?.link, made.record, digestOf)
      expect(anew.seq).to.equal(10)
      await sql('update audit_chain set digest = ?, hash = ? where seq = 10', [anew.digest, anew.hash])
      await retention()
        .prune()
        .catch(() => {})
      await sql('update audit_chain set digest = ?, hash = ? where seq = 10', [digest, hash])
      expect(await left()).to.include(10)
      expect(await kinds()).to.deep.equal(['changed 10'])
    })

    it('covers no other record: taken, changed, swapped, put in', async () => {
      await retention().prune()
      for (const table of ['audit_events', 'audit_chain', 'audit_prunings'])
        await sql(`alter table ${table} disable trigger all`)
      await sql('delete from audit_events where id = 3')
      expect(await kinds()).to.deep.equal(['missing 3'])
      await sql(`update audit_events set outcome = 'failure' where id = 6`)
      expect(await kinds()).to.deep.equal(['missing 3', 'changed 6'])
      await sql('update audit_events set id = case id when 8 then -9 else -8 end where id in (8, 9)')
      await sql('update audit_events set id = -id where id < 0')
      expect(await kinds()).to.deep.equal(['missing 3', 'changed 6', 'changed 8', 'changed 9'])
      await sql(`insert into audit_events (id, name, outcome) values (1, 'user.signed_in', 'success')`)
      expect(await kinds(), 'in the place of one that went').to.include('changed 1')
    })

    it('finds one that went and that somebody put in again, as if it had happened now', async () => {
      const { rows } = await sql('select * from audit_events where id = 2')
      const { id, created_at, detail, ...kept } = rows[0]
      const old = { ...kept, stamp: kept.stamp.replace(/^[^.]+/, (Date.now() - 2 * 86_400_000).toString(36)) }
      const mark = instance.atRest.hashId('AuditEvent', saying({ ...old, detail: null }, old.stamp))
      await retention().prune()
      await ledger.link()
      await instance.connection.knex('audit_events').insert({ ...old, mark: mark.toString('base64url') })
      expect(await ledger.link()).to.equal(0)
      expect(await kinds()).to.deep.equal(['forged'])
    })

    it('finds a link of one that went if it is changed or taken', async () => {
      await retention().prune()
      await sql('alter table audit_chain disable trigger all')
      await sql(`update audit_chain set digest = 'x' where seq = 4`)
      expect(await kinds()).to.deep.equal(['broken 4'])
      await sql('delete from audit_chain where seq = 4')
      expect(await kinds()).to.deep.equal(['broken 5'])
    })

    it('believes no statement but its own', async () => {
      await retention().prune()
      await sql('alter table audit_prunings disable trigger all')
      await sql('alter table audit_events disable trigger all')
      await sql('delete from audit_events where id = 3')
      await sql(`update audit_prunings set seqs = '1-4,7' where class = 'activity'`)
      expect(await kinds()).to.deep.equal([
        'bad signature',
        'missing 1',
        'missing 3',
        'missing 4',
        'missing 7',
      ])
      await sql(`insert into audit_prunings (class, until, seqs, records, kid, signature)
        select class, until, '3', records, kid, signature from audit_prunings where class = 'administration'`)
      expect(await kinds()).to.include('missing 3')
      await sql('delete from audit_prunings')
      expect(await kinds()).to.include('missing 2')
    })
  })

describe('ranges', () => {
  it('say which numbers they hold, whatever order they come in', () => {
    const numbers = [1, 2, 3, 7, 9, 10]
    expect(rangesOf(numbers)).to.equal('1-3,7,9-10')
    const held = new Ranges([rangesOf([9, 10]), rangesOf([1, 2, 3]), rangesOf([7])])
    const found = Array.from({ length: 13 }, (_, index) => index).filter((index) => held.has(index))
    expect(found).to.deep.equal(numbers)
    expect(new Ranges([]).has(1)).to.equal(false)
  })
})
