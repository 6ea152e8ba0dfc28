/**
 * Postgres is there and slow: a network that takes its time or swallows, a table that is locked, a row that is, a
 * statement that sleeps. Load is shed with 503 and a wait before anybody's patience ends, nothing piles up, what needs
 * no store is as fast as ever, and when it is over it is over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { times } from '../support/faults.ts'
import { Ledger } from '../support/ledger.ts'
import { MailReader } from '../support/ledger-mail.ts'
import { ISSUER, Nodes } from '../support/ledger-nodes.ts'
import { LedgerPerson } from '../support/ledger-person.ts'
import { Line, Traffic } from '../support/ledger-traffic.ts'

import { type RunningService, startPostgres } from '../support/services.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { MACHINE, Watch } from './watch.ts'

/** writes come this often: what is not shed piles up to hundreds within the fault */
const EVERY_MS = 40
const FAULT_MS = times(5_000, 30_000)
/** design: a request is answered or refused within 5 s; the rest is for a busy machine */
const DEADLINE_MS = 5_000 + 1_500
const CACHED_MS = 1_900
const BACK_MS = 5_000

describe('Postgres is slow', function () {
  this.timeout(times(120_000, 900_000))
  let postgres: RunningService
  let network: TcpProxy
  let nodes: Nodes
  let direct: pg.Client
  const sink = new SmtpSink()
  const ledger = new Ledger()
  const people: LedgerPerson[] = []

  before(async () => {
    postgres = await startPostgres()
    await sink.start()
    network = await TcpProxy.start(postgres.service.port)
    const url = `postgres://ostiary@127.0.0.1:${network.port}/postgres`
    nodes = await Nodes.start(1, { DATABASE_URL: url, SMTP_URL: sink.url }, [MACHINE])
    direct = new pg.Client({ connectionString: postgres.url })
    await direct.connect()
    const traffic = new Traffic({ issuer: ISSUER, ports: () => nodes.ports, perSecond: 200 })
    for (const name of ['one', 'two', 'three']) {
      const line = new Line(traffic, '192.0.2.1')
      const deps = { ledger, mail: new MailReader(sink), windowed: true }
      const person = new LedgerPerson(`${name}@example.org`, line, deps)
      await person.register()
      people.push(person)
    }
  })
  after(async () => {
    await nodes?.dispose()
    await direct?.end()
    await sink.stop()
    await network?.close()
    await postgres?.stop()
  })

  interface Slowness {
    begin(): Promise<void> | void
    end(): Promise<void> | void
    /** whether writes get through all the same, late */
    served?: true
  }

  const delayed = (milliseconds: number): Slowness => ({
    begin: () => {
      network.delay = milliseconds
    },
    end: () => {
      network.delay = 0
    },
  })

  let wanting: (() => Promise<void>) | undefined

  /** People with tokens who refresh them without a pause, until told to stop. */
  function wantGrants(): () => Promise<void> {
    let going = true
    const refreshing = people.map(async ({ grant }) => {
      const [family] = grant?.families ?? []
      while (going && family) {
        await grant?.refresh(family)
        await sleep(100)
      }
    })
    return async () => {
      going = false
      await Promise.all(refreshing)
      ledger.assertClean()
    }
  }

  const SLOW_TRIGGER = `
    create function be_slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(30); return new; end $$;
    create trigger slow before insert on oidc_client_credentials for each row execute function be_slow()`

  const slownesses: Record<string, Slowness> = {
    'each packet takes 500 ms': { ...delayed(500), served: true },
    'each packet takes 5 s': delayed(5_000),
    'the network swallows everything': {
      begin: () => network.stall(),
      end: () => network.flow(),
    },
    'the table is locked': {
      begin: async () => {
        await direct.query('begin')
        await direct.query('lock table oidc_client_credentials in access exclusive mode')
      },
      end: async () => {
        await direct.query('rollback')
      },
    },
    'a row that is much in use is locked': {
      begin: async () => {
        await direct.query('begin')
        await direct.query('select 1 from oidc_grants for update')
        // somebody who wants that row all the time, so that it is in the way of everybody's commits
        wanting = wantGrants()
      },
      end: async () => {
        await direct.query('rollback')
        await wanting?.()
      },
      served: true,
    },
    'each insert sleeps': {
      begin: async () => {
        await direct.query(SLOW_TRIGGER)
      },
      end: async () => {
        await direct.query('drop trigger slow on oidc_client_credentials; drop function be_slow()')
      },
    },
  }

  for (const [what, { begin, end, served }] of Object.entries(slownesses)) {
    it(`${what}: sheds load in time, and recovers`, async () => {
      const watch = new Watch(() => nodes.ports[0] ?? 0, EVERY_MS)
      await sleep(500)
      const before = watch.now
      await begin()
      await sleep(FAULT_MS)
      const during = watch.now
      await end()
      const back = await watch.recovered(watch.now, BACK_MS)
      await sleep(500)
      await watch.stop()
      process.stdout.write(`      ${watch.summary(before)}; back after ${back.toFixed(0)} ms\n`)
      watch.expectSound({ refusedWithin: DEADLINE_MS, cachedWithin: CACHED_MS })
      const inTime = watch.seen.write.filter(({ at }) => at >= before && at < during)
      if (served) expect(inTime.filter(({ status }) => status === 200).length, 'served').to.be.above(0)
      else expect(watch.refused(before), 'refused').to.be.above(0)
    })
  }
})
