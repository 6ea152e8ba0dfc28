/**
 * The primary of a synchronous pair dies under load and the standby takes over at the same address: not one
 * acknowledged write is lost, and both nodes go on by themselves (figure 14 of the security targets). Once rudely, by
 * `kill -9`, and once by a demotion that leaves the old primary's connections open: it answers, and refuses to write.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { times } from '../support/faults.ts'
import { Load } from '../support/ledger-load.ts'
import { Nodes } from '../support/ledger-nodes.ts'
import { PostgresCluster } from '../support/postgres-cluster.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { MACHINE, Watch } from './watch.ts'

const ROUNDS = times(1, 5)
/** after the address leads to the new primary */
const BACK_MS = 5_000
const REFUSED_MS = 4_000
const CACHED_MS = 1_900

describe('Postgres fails over under load', function () {
  this.timeout(times(120_000, 1_800_000))

  /** How the old primary goes; afterwards the standby is the primary. */
  const ways: Record<string, (cluster: PostgresCluster) => Promise<void>> = {
    'killed, the standby promoted': async (cluster) => {
      await cluster.primary.service.kill()
      await cluster.promote()
    },
    'demoted and still there, the standby promoted': async (cluster) => {
      await readOnly(cluster.primary.url)
      await cluster.promote()
    },
  }

  for (const [way, goAway] of Object.entries(ways)) {
    it(`${way}: refuses soon, 0 acknowledged writes lost, goes on by itself (${ROUNDS} times)`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) await failOver(goAway)
    })
  }

  async function failOver(goAway: (cluster: PostgresCluster) => Promise<void>): Promise<void> {
    const cluster = await PostgresCluster.start()
    const sink = await new SmtpSink().start()
    const address = await TcpProxy.start(cluster.primary.service.port)
    let nodes: Nodes | undefined
    try {
      const settings = {
        DATABASE_URL: `postgres://ostiary@127.0.0.1:${address.port}/postgres`,
        SMTP_URL: sink.url,
      }
      nodes = await Nodes.start(2, settings, [MACHINE])
      const load = await Load.start({ nodes, databaseUrl: () => cluster.standby.url, sink })
      const watch = new Watch(() => nodes?.ports[0] ?? 0)
      await sleep(times(2000, 5000))
      const before = watch.now
      load.ledger.event('the primary goes away')
      await goAway(cluster)
      // Automatic failover takes its time to be sure; the product has to live with that.
      await sleep(500)
      address.target = cluster.standby.service.port
      load.ledger.event('the address leads to the new primary')
      const back = await watch.recovered(watch.now, BACK_MS)
      await nodes.untilReady()
      await sleep(times(2000, 5000))
      await watch.stop()
      await load.stop()
      const summary = await load.audit()
      process.stdout.write(
        `      ${summary}\n      ${watch.summary()}; back ${back.toFixed(0)} ms after the address moved\n`,
      )
      watch.expectSound({ refusedWithin: REFUSED_MS, cachedWithin: CACHED_MS })
      expect(watch.refused(before), 'refusals').to.be.above(0)
    } finally {
      await nodes?.dispose()
      await address.close()
      await sink.stop()
      await cluster.stop()
    }
  }
})

async function readOnly(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('alter system set default_transaction_read_only = on')
    await client.query('select pg_reload_conf()')
  } finally {
    await client.end()
  }
}
