/**
 * `npm run bench`: Ostiary on Postgres against the same engine in memory and against a bare Koa POST, in alternation.
 * Sends load to this machine only, for a bounded time. What the figures mean: `bench/README.md`.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { stopEverythingNow } from '../test/support/services.ts'
import { cpuIsReadable } from './lib/cpu.ts'
import { FLOWS, type FlowName, hello, Subject } from './lib/flows.ts'
import { Connection } from './lib/http.ts'
import { type Load, measure, type Sample } from './lib/measure.ts'
import { footnotes, machine, type Round, table } from './lib/report.ts'
import { startOstiary, startYardstick, stopTargetsNow, type Target } from './lib/targets.ts'

const USAGE = `usage: npm run bench [-- --quick] [--rounds N] [--seconds S] [--workers N] [--flows a,b] [--json FILE]

  --quick    2 rounds of half a second: is it alive, not how fast is it
  --rounds   1 to 20 (default 5)
  --seconds  a measurement takes, 0.2 to 10 (default 1.5)
  --workers  requests under way at once, 1 to 64 (default 16)
  --flows    of: ${FLOWS.join(', ')}
  --json     write every sample to a file`

interface Options extends Load {
  rounds: number
  flows: FlowName[]
  json: string | undefined
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      workers: { type: 'string' },
      flows: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    process.exit()
  }
  const flows = values.flows === undefined ? [...FLOWS] : values.flows.split(',').map((name) => name.trim())
  const wrong = flows.find((name) => !(FLOWS as readonly string[]).includes(name))
  if (wrong !== undefined) throw new TypeError(`there is no flow "${wrong}"`)
  return {
    rounds: between('rounds', values.rounds ?? (values.quick ? '2' : '5'), 1, 20),
    seconds: between('seconds', values.seconds ?? (values.quick ? '0.5' : '1.5'), 0.2, 10),
    workers: between('workers', values.workers ?? '16', 1, 64),
    flows: flows as FlowName[],
    json: values.json,
  }
}

function between(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!(value >= min && value <= max)) throw new TypeError(`--${name} must be between ${min} and ${max}`)
  return value
}

interface Measured {
  target: Target
  subject: Subject
}

async function prepare(target: Target, { workers, flows }: Options): Promise<Measured> {
  const subject = await Subject.prepare(target.issuer, workers)
  for (const flow of flows) await measure(subject.operation(flow), { workers, seconds: 0.5 }, target.pids)
  return { target, subject }
}

async function oneRound(
  round: number,
  chosen: Options,
  ostiary: Measured,
  engine: Measured,
  greet: () => Promise<Sample>,
): Promise<Round> {
  const flows: Round['flows'] = []
  for (const flow of chosen.flows) {
    const samples = new Map<Measured, Sample>()
    const order = round % 2 === 0 ? [ostiary, engine] : [engine, ostiary]
    for (const measured of order)
      samples.set(measured, await measure(measured.subject.operation(flow), chosen, measured.target.pids))
    flows.push({ flow, ostiary: samples.get(ostiary) as Sample, engine: samples.get(engine) as Sample })
  }
  return { hello: await greet(), flows }
}

async function main(): Promise<void> {
  if (!cpuIsReadable()) throw new Error('CPU time is read from /proc: the benchmark runs on Linux')
  const chosen = options()
  const targets: Target[] = []
  try {
    const start = async (starting: Promise<Target>) => {
      const target = await starting
      targets.push(target)
      return target
    }
    const bare = await start(startYardstick('Koa POST', 'hello.ts'))
    const ostiary = await prepare(await start(startOstiary()), chosen)
    const engine = await prepare(await start(startYardstick('engine', 'engine.ts')), chosen)
    const connection = new Connection(bare.issuer, chosen.workers)
    const greet = () => measure(hello(connection), chosen, bare.pids)
    await greet()
    const rounds: Round[] = []
    for (let round = 0; round < chosen.rounds; round += 1) {
      rounds.push(await oneRound(round, chosen, ostiary, engine, greet))
      console.error(`round ${round + 1} of ${chosen.rounds}`)
    }
    console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()}`)
    console.log(
      `${chosen.rounds} rounds of ${chosen.seconds} s, ${chosen.workers} workers, closed loop; ratios are min/median/max over the rounds\n`,
    )
    console.log(table(rounds, chosen.flows))
    console.log(`\n${footnotes(rounds).join('\n')}`)
    if (chosen.json !== undefined) writeFileSync(chosen.json, JSON.stringify({ ...chosen, rounds }, null, 2))
    for (const { subject } of [ostiary, engine]) subject.close()
    connection.close()
  } finally {
    await Promise.allSettled(targets.map((target) => target.stop()))
  }
}

process.on('exit', () => {
  stopTargetsNow()
  stopEverythingNow()
})
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
