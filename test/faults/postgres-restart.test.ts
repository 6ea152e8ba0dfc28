/**
 * Postgres restarts under load, "fast" and "immediate", and refuses to write for a while: 503 with a wait soon, nothing
 * acknowledged is lost, and both nodes go on by themselves (figure 14 of the security targets, without the standby).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { times } from '../support/faults.ts'
import { Load } from '../support/ledger-load.ts'
import { Nodes } from '../support/ledger-nodes.ts'
import { type RunningService, startPostgres } from '../support/services.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { MACHINE, Watch } from './watch.ts'

const ROUNDS = times(1, 10)
/** after it takes connections again (the target is 5 s) */
const BACK_MS = 5_000
const REFUSED_MS = 4_000
/** shorter than any outage here: what waits for Postgres takes longer, what does not takes this on a busy machine */
const CACHED_MS = 1_900

describe('Postgres restarts under load', function () {
  this.timeout(times(120_000, 1_800_000))
  const sink = new SmtpSink()
  let postgres: RunningService
  let nodes: Nodes

  before(async () => {
    postgres = await startPostgres()
    await sink.start()
    const settings = { DATABASE_URL: postgres.url, SMTP_URL: sink.url }
    nodes = await Nodes.start(2, settings, [MACHINE])
  })
  after(async () => {
    await nodes?.dispose()
    await sink.stop()
    await postgres?.stop()
  })

  async function execute(...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    try {
      for (const statement of statements) await client.query(statement)
    } finally {
      await client.end()
    }
  }

  /** Each fault begins, and answers what ends it. */
  const faults: Record<string, () => Promise<() => Promise<void>>> = {
    fast: async () => {
      await postgres.service.end()
      return () => postgres.service.start()
    },
    immediate: async () => {
      process.kill(Number(postgres.service.pid), 'SIGQUIT')
      while (postgres.service.running) await sleep(10)
      return () => postgres.service.start()
    },
    'read-only': async () => {
      await execute('alter system set default_transaction_read_only = on', 'select pg_reload_conf()')
      return () =>
        execute(
          'set default_transaction_read_only = off',
          'alter system reset default_transaction_read_only',
          'select pg_reload_conf()',
        )
    },
  }

  const all = Object.keys(faults).join('; ')
  it(`${ROUNDS} x [${all}]: refuses soon, loses nothing, goes on by itself`, async () => {
    const load = await Load.start({ nodes, databaseUrl: () => postgres.url, sink })
    const watch = new Watch(() => nodes.ports[0] ?? 0)
    const back: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [fault, begin] of Object.entries(faults)) {
        await sleep(1000 + Math.random() * 1000)
        const before = watch.now
        load.ledger.event(`Postgres goes away ${fault}`)
        const end = await begin()
        await sleep(1500)
        await end()
        load.ledger.event('Postgres is back')
        back.push(await watch.recovered(watch.now, BACK_MS))
        await nodes.untilReady()
        expect(watch.refused(before), `${fault}: refusals`).to.be.above(0)
      }
    }
    await sleep(1000)
    await watch.stop()
    await load.stop()
    const summary = await load.audit()
    const waits = back.map((milliseconds) => milliseconds.toFixed(0)).join(', ')
    process.stdout.write(`      ${summary}\n      ${watch.summary()}; back after ${waits} ms\n`)
    watch.expectSound({ refusedWithin: REFUSED_MS, cachedWithin: CACHED_MS })
  })
})
