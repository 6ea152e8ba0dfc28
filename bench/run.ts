/**
 * `npm run bench`: Ostiary on a durable Postgres against the same engine in memory and against bare Koa, in alternation.
 * Sends load to this machine only, for a bounded time. What the figures mean: `bench/README.md`.
 */
import { writeFileSync } from 'node:fs'
import type { Bench } from './lib/bench.ts'
import { Cluster, POSTGRES_SETTINGS } from './lib/cluster.ts'
import { type Options, readOptions, USAGE } from './lib/options.ts'
import { cpuIsReadable } from './lib/processes.ts'
import { Product } from './lib/product.ts'
import { type Chapter, machine, verdictTable } from './lib/report.ts'
import { startYardstick } from './lib/yardsticks.ts'
import { clients } from './stages/clients.ts'
import { commits } from './stages/commits.ts'
import { flows } from './stages/flows.ts'
import { growth } from './stages/growth.ts'
import { latency } from './stages/latency.ts'
import { pglite } from './stages/pglite.ts'
import { profile } from './stages/profile.ts'
import { signIns } from './stages/sign-in.ts'
import { start } from './stages/start.ts'

/** In this order; the last two end or burden what the others measure. */
const STAGES = [flows, signIns, latency, commits, clients, pglite, growth, start]

/** People of the product itself: everybody in the run who signs in for the first time. */
const PEOPLE = 10_000

const begun = performance.now()
const tell = (line: string) => console.error(`[${Math.round((performance.now() - begun) / 1000)} s] ${line}`)

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') return console.log(USAGE)
  if (!cpuIsReadable()) throw new Error('CPU time is read from /proc: the benchmark runs on Linux')
  const stops: (() => Promise<void>)[] = []
  const running = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const it = await starting
    stops.push(() => it.stop())
    return it
  }
  try {
    const cluster = await running(Cluster.start(options.redis))
    const { flags, against } = options
    const product = await running(Product.start({ cluster, name: 'ostiary', flags, people: PEOPLE }))
    if (options.profile) return console.log(await profile(product, options.profile, options.workers))
    const bench: Bench = {
      options,
      cluster,
      product,
      engine: await running(startYardstick('engine.ts')),
      koa: await running(startYardstick('hello.ts')),
      against:
        against && (await running(Product.start({ cluster, name: 'against', people: PEOPLE, ...against }))),
      tell,
    }
    tell('everything is started')
    const about = await aboutRun(options, cluster)
    console.log(about.join('\n'))
    const chapters: Chapter[] = []
    for (const stage of STAGES) {
      const chapter = await stage(bench)
      if (!chapter) continue
      chapters.push(chapter)
      console.log(`\n## ${chapter.title}\n\n${chapter.text}`)
    }
    const verdicts = chapters.flatMap((chapter) => chapter.verdicts)
    console.log(`\n## Goals\n\n${verdictTable(verdicts)}`)
    tell('done')
    if (options.out !== undefined)
      writeFileSync(
        options.out,
        JSON.stringify({ about, options: { ...options, only: [...options.only] }, chapters }, null, 1),
      )
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}

async function aboutRun({ rounds, seconds, workers, flags }: Options, cluster: Cluster): Promise<string[]> {
  const settings = Object.entries(POSTGRES_SETTINGS).map(([name, value]) => `${name}=${value}`)
  return [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}`,
    `${await cluster.version()}, fsync and synchronous_commit on, ${settings.join(', ')}${cluster.redisUrl ? '; Redis' : ''}`,
    `${rounds} rounds of ${seconds} s, ${workers} workers, closed loop${flags.length > 0 ? `; Node with ${flags.join(' ')}` : ''}`,
  ]
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    console.error(`stopped by ${signal}`)
    process.exit(1)
  })

try {
  await main()
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error)
  process.exitCode = 1
}
process.exit()
