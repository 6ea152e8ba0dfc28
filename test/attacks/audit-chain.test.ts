/**
 * Who can write to the database, with every trigger out of the way, and wants the record to say something else. Each
 * change is made to records that stand in a signed chain; the check names it, and finds nothing without it.
 */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { AuditKeys, digestOf } from '../../src/crypto/audit-keys.ts'
import { AuditLedger, type Head } from '../../src/domain/audit/ledger.ts'
import { newKeyring, selected, sqlBackends, storesOn } from '../support/backends.ts'

const RECORDS = 12
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')

for (const backend of selected(sqlBackends).filter(({ name }) => name !== 'pglite (disk)'))
  describe(`the audit chain (${backend.name})`, function () {
    this.timeout(60_000)
    let instance: Awaited<ReturnType<typeof backend.fresh>>
    let ledger: AuditLedger
    /** what the operator kept from the check before */
    let known: Head | undefined

    beforeEach(async () => {
      instance = await backend.fresh()
      ledger = ledgerOf(instance)
      for (let index = 0; index < RECORDS; index += 1) await record(`usr_${index}`)
      expect(await ledger.link()).to.equal(RECORDS)
      known = (await ledger.verify()).head
    })
    afterEach(() => instance.dispose())

    function ledgerOf({ database }: Pick<typeof instance, 'database'>) {
      return new AuditLedger({ database, digest: digestOf, keys: new AuditKeys() })
    }

    function record(userId: string) {
      return instance.database.audit.append({
        name: 'user.signed_in',
        outcome: 'success',
        userId,
        clientId: 'app',
        request: { id: 'r', ip: '192.0.2.1', userAgent: 'a browser' },
        detail: { remember: true, method: 'password', tries: 1 },
      })
    }

    const sql = (text: string, values: (string | number)[] = []) => instance.connection.knex.raw(text, values)

    async function tamper(...statements: string[]) {
      for (const table of ['audit_events', 'audit_chain', 'audit_checkpoints'])
        await sql(`alter table ${table} disable trigger all`)
      for (const statement of statements) await sql(statement)
    }

    const kinds = async (since?: Head) =>
      (await ledger.verify(since)).findings.map(({ kind, recordId, seq }) =>
        [kind, recordId ?? (seq === undefined ? '' : `#${seq}`)].join(' ').trim(),
      )

    it('finds nothing where nothing was done, and counts what waits', async () => {
      await record('usr_new')
      expect(await ledger.verify(known)).to.deep.include({
        ...{ links: RECORDS, checkpoints: 1, waiting: 1, findings: [], head: known },
      })
      expect(await ledger.link()).to.equal(1)
      expect(await ledger.link()).to.equal(0)
      expect((await ledger.verify(known)).links).to.equal(RECORDS + 1)
    })

    it('is one chain, however many processes link at once', async () => {
      for (let index = 0; index < 30; index += 1) await record(`usr_more_${index}`)
      const others = Array.from({ length: 5 }, () => ledgerOf(storesOn(instance.connection, instance.atRest)))
      await Promise.all(others.map((other) => other.link()))
      await ledger.link()
      expect(await ledger.verify(known)).to.deep.include({ links: RECORDS + 30, waiting: 0, findings: [] })
    })

    const COLUMNS: Record<string, string> = {
      name: `'user.deleted'`,
      outcome: `'failure'`,
      user_id: `'usr_other'`,
      client_id: 'null',
      request_id: `'x'`,
      ip: `'198.51.100.7'`,
      user_agent: `''`,
      sealed: `'{}'`,
      detail: `'{"remember": false}'::jsonb`,
      created_at: `created_at - interval '1 second'`,
      mark: `'x'`,
      stamp: `'x'`,
    }
    for (const [column, value] of Object.entries(COLUMNS))
      it(`finds one edit: ${column}`, async () => {
        await tamper(`update audit_events set ${column} = ${value} where id = 5`)
        expect(await kinds()).to.deep.equal(['changed 5'])
      })

    it('finds a record that was taken away, in the middle and at the end', async () => {
      await tamper('delete from audit_events where id in (4, 12)')
      expect(await kinds()).to.deep.equal(['missing 4', 'missing 12'])
    })

    it('names a thousand of those that were taken away, and says how many more', async () => {
      await instance.database.audit.appendAll(
        Array.from({ length: 1100 }, () => ({
          name: 'user.signed_in',
          outcome: 'success',
          request: undefined,
        })),
      )
      await ledger.link()
      await tamper('delete from audit_events')
      const { findings } = await ledger.verify()
      expect(findings).to.have.length(1001)
      expect(findings.at(-1))
        .to.include({ kind: 'more' })
        .and.property('sentence')
        .include(`${RECORDS + 100} more`)
    })

    it('finds a record that was taken away with its link', async () => {
      await tamper('delete from audit_events where id = 4', 'delete from audit_chain where event_id = 4')
      expect(await kinds()).to.deep.equal(['broken 5'])
    })

    it('finds two that changed places', async () => {
      await tamper('update audit_events set id = case id when 3 then -7 else -3 end where id in (3, 7)')
      await tamper('update audit_events set id = -id where id < 0')
      expect(await kinds()).to.deep.equal(['changed 3', 'changed 7'])
    })

    it('finds two links that changed places', async () => {
      await tamper('update audit_chain set seq = case seq when 3 then -4 else -3 end where seq in (3, 4)')
      await tamper('update audit_chain set seq = -seq where seq < 0')
      expect(await kinds()).to.include.members(['broken 3', 'broken 4'])
    })

    it('finds a record that was made up, before it is linked and afterwards', async () => {
      const columns = 'name, outcome, user_id, detail'
      await tamper(
        `insert into audit_events (${columns}) values ('user.signed_in', 'success', 'usr_victim', '{}')`,
        `insert into audit_events (${columns}, stamp, mark)
          select 'user.signed_in', 'success', 'usr_victim', '{}', 'y', mark from audit_events where id = 2`,
      )
      expect(await kinds()).to.deep.equal(['forged 13', 'forged 14'])
      expect(await ledger.link(), 'nor is it ever linked').to.equal(0)
      const refused = await sql(
        `insert into audit_events (${columns}, stamp, mark) select ${columns}, stamp, mark from audit_events where id = 2`,
      ).catch((error: { code: string }) => error.code)
      expect(refused, 'the same record twice').to.equal('23505')
    })

    it('finds a record that was put in twice once nothing refused it, linked or not', async () => {
      const columns = 'name, outcome, user_id, client_id, request_id, detail, sealed, stamp, mark'
      await tamper(
        'drop index audit_events_stamp',
        `insert into audit_events (${columns}) select ${columns} from audit_events where id = 5`,
      )
      expect(await kinds()).to.deep.equal(['forged 13'])
      await ledger.link()
      expect(await kinds()).to.deep.equal(['forged 13'])
    })

    it('finds a record that was put in with a link of its own', async () => {
      await tamper(
        `insert into audit_events (id, name, outcome) values (100, 'user.signed_in', 'success')`,
        `insert into audit_chain (seq, event_id, digest, hash) values (13, 100, 'x', 'y')`,
      )
      expect(await kinds()).to.deep.equal(['broken 100', 'changed 100', 'forged 100'])
    })

    it('signs no head over a record that was put in with a good link of its own', async () => {
      const head = String(known?.hash)
      await tamper(
        `insert into audit_events (id, name, outcome, user_id) values (13, 'user.signed_in', 'success', 'usr_victim')`,
        // Another is due at once.
        'delete from audit_checkpoints',
      )
      const forged = (await instance.database.auditChain.unlinked(1, 'all'))[0]
      const digest = sha256(String(forged?.content))
      const hash = sha256([head, 13, '13', digest].join('\n'))
      await sql('insert into audit_chain (seq, event_id, digest, hash) values (13, 13, ?, ?)', [digest, hash])
      await sql(`select setval(pg_get_serial_sequence('audit_events', 'id'), 13)`)
      await record('usr_new')
      const refused = await ledger.link().catch((error: Error) => error.message)
      expect(refused).to.include('tampered')
      expect(await kinds(), 'a good head').to.deep.equal(['forged 13'])
      expect((await ledger.verify()).links, 'linked all the same').to.equal(14)
    })

    it('signs no head over a record without a mark, whatever the one before it looked like', async () => {
      const { rows } = await sql('select stamp, mark from audit_events where id = 12')
      await tamper(
        'update audit_events set stamp = null, mark = null where id = 12',
        `insert into audit_events (name, outcome, user_id) values ('user.signed_in', 'success', 'usr_victim')`,
        'delete from audit_checkpoints',
      )
      await ledger.link().catch(() => {})
      await sql('update audit_events set stamp = ?, mark = ? where id = 12', [rows[0].stamp, rows[0].mark])
      expect(await kinds()).to.deep.equal(['forged 13'])
    })

    it('finds a chain that was made anew over a changed record: by the signature', async () => {
      await tamper(`update audit_events set user_id = 'usr_other' where id = 5`)
      await rechain()
      expect(await kinds()).to.deep.equal(['bad signature #12'])
      expect(await kinds(known)).to.deep.equal(['bad signature #12', 'broken #12'])
    })

    it('finds it without the signatures too: by the marks, and by the head that was kept', async () => {
      await tamper(
        `update audit_events set user_id = 'usr_other' where id = 5`,
        'delete from audit_checkpoints',
      )
      await rechain()
      expect(await kinds()).to.deep.equal(['forged 5'])
      expect(await kinds(known)).to.deep.equal(['forged 5', 'broken #12'])
    })

    it('finds a signature that was exchanged, and one by another key', async () => {
      await tamper(`update audit_checkpoints set signature = 'AAAA'`)
      expect(await kinds()).to.deep.equal(['bad signature #12'])
      await tamper(`update audit_checkpoints set kid = 'nobody'`)
      expect(await kinds()).to.deep.equal(['bad signature #12'])
    })

    it('finds an end that was cut off', async () => {
      await tamper('delete from audit_events where id > 9', 'delete from audit_chain where seq > 9')
      expect(await kinds()).to.deep.equal(['cut off #12'])
      await tamper('delete from audit_checkpoints')
      expect(await kinds(), 'nothing is left to show it').to.deep.equal([])
      expect(await kinds(known), 'but for the head that was kept').to.deep.equal(['cut off #12'])
    })

    it('begins with the records from before there were marks, and takes none after that', async () => {
      const older = await backend.fresh()
      try {
        const insert = `insert into audit_events (name, outcome) values ('user.signed_in', 'success')`
        await older.connection.knex.raw(insert)
        const of = ledgerOf(older)
        expect(await of.link()).to.equal(1)
        await older.connection.knex.raw(insert)
        expect((await of.verify()).findings).to.deep.equal([])
        const event = { name: 'user.signed_in', outcome: 'success', request: undefined } as const
        await older.database.audit.append(event)
        await older.connection.knex.raw(insert)
        expect(await of.link()).to.equal(2)
        expect((await of.verify()).findings.map(({ kind }) => kind)).to.deep.equal(['forged'])
      } finally {
        await older.dispose()
      }
    })

    it('is nothing that another secret could have made', async () => {
      await record('usr_new')
      const stranger = storesOn(instance.connection, newKeyring())
      await stranger.database.audit.append({ name: 'user.signed_in', outcome: 'success', request: undefined })
      expect(await ledger.link()).to.equal(1)
      expect(await kinds()).to.deep.equal(['forged 14'])
    })

    /** As somebody would who knows how the chain is made. */
    async function rechain() {
      const { rows } = await sql('select seq, event_id from audit_chain order by seq')
      const pages = await instance.database.auditChain.page(0, 1000)
      let hash = 'ostiary audit chain 1'
      for (const { seq, event_id: id } of rows) {
        const digest = sha256(String(pages.find(({ link }) => link.seq === Number(seq))?.record?.content))
        hash = sha256([hash, seq, id, digest].join('\n'))
        await sql('update audit_chain set digest = ?, hash = ? where seq = ?', [digest, hash, seq])
      }
    }
  })
