/**
 * `node bench/hashing.ts`: what a password hash costs by which library, where it is best computed, and what everybody
 * else sees meanwhile. About two minutes on this machine only; decision 12 holds the figures it was made for.
 */
import { argon2Sync, argon2 as nodeArgon2, randomBytes } from 'node:crypto'
import { stat } from 'node:fs'
import { createRequire } from 'node:module'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { generateKeyPair, SignJWT } from 'jose'
import { type Argon2, inProcess } from '../src/crypto/argon2.ts'
import { Argon2Children } from '../src/crypto/argon2-children.ts'
import type { Argon2Parameters } from '../src/crypto/phc.ts'
import { Slots } from '../src/crypto/slots.ts'
import { startPostgres } from '../test/support/services.ts'
import { describeSeen, type Refused, Stormed } from '../test/support/sign-in-storm.ts'
import { cpuOf } from './lib/processes.ts'
import { machine } from './lib/report.ts'
import { median, percentile } from './lib/statistics.ts'

const USAGE = `usage: node bench/hashing.ts [--quick] [--parts libraries,places,storm] [--rounds N]

  --quick    a round of each, short: is it alive, not how fast is it
  --parts    libraries: milliseconds of one hash; places: what others see while 8 sign-ins wait;
             storm: 200 wrong passwords at once against Ostiary on Postgres
  --rounds   1 to 20 (default 3)`

const SETTINGS: Argon2Parameters[] = [
  { memory: 19_456, passes: 2, lanes: 1 },
  { memory: 47_104, passes: 2, lanes: 1 },
  { memory: 65_536, passes: 3, lanes: 1 },
]
/** what Ostiary does unless told otherwise */
const DEFAULT = SETTINGS[1] as Argon2Parameters
const WAITING = 8
const SIGNATURES_PER_SECOND = 200
const STORM = 200

type OneHash = (parameters: Argon2Parameters) => Promise<unknown>

const nodeOptions = ({ memory, passes, lanes }: Argon2Parameters) => ({
  message: 'a password of some length',
  nonce: randomBytes(16),
  memory,
  passes,
  parallelism: lanes,
  tagLength: 32,
})
const nodeHash = promisify(nodeArgon2)
const byNode: OneHash = (parameters) => nodeHash('argon2id', nodeOptions(parameters))
const byNodeRs: OneHash = (parameters) => inProcess.hash('a password of some length', parameters)

/** The package `argon2` is not one of ours: found where it was installed, in the folder this is started from. */
function byReference(): OneHash | undefined {
  try {
    const { hash } = createRequire(join(process.cwd(), 'package.json'))('argon2')
    return ({ memory, passes, lanes }) =>
      hash('a password of some length', { memoryCost: memory, timeCost: passes, parallelism: lanes })
  } catch {
    console.log('(the package argon2 is not installed in the current folder: not compared)\n')
    return undefined
  }
}

/** Milliseconds of one hash at a time. */
async function timesOf(once: () => unknown, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i += 1) {
    const began = performance.now()
    await once()
    times.push(performance.now() - began)
  }
  return times
}

async function libraries(rounds: number, count: number): Promise<void> {
  const reference = byReference()
  const all: [string, OneHash][] = [
    ['@node-rs/argon2', byNodeRs],
    ['node:crypto', byNode],
    ['node:crypto, sync', async (parameters) => argon2Sync('argon2id', nodeOptions(parameters))],
    ...(reference ? ([['argon2', reference]] as [string, OneHash][]) : []),
  ]
  console.log('one hash at a time: fastest / median ms\n')
  heading(['library', ...SETTINGS.map(({ memory, passes }) => `m=${memory},t=${passes},p=1`)])
  const times = new Map<string, number[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const parameters of SETTINGS)
      for (const [name, hash] of all) {
        const key = `${name} ${parameters.memory}`
        await hash(parameters)
        times.set(key, [...(times.get(key) ?? []), ...(await timesOf(() => hash(parameters), count))])
      }
  for (const [name] of all)
    row([
      name,
      ...SETTINGS.map(({ memory }) => {
        const own = times.get(`${name} ${memory}`) ?? []
        return `${Math.min(...own).toFixed(1)} / ${median(own).toFixed(1)}`
      }),
    ])
}

interface Place {
  name: string
  hash: OneHash
  /** at once; the others wait */
  slots: number
  children?: Argon2
}

async function places(rounds: number, seconds: number): Promise<void> {
  const children = new Argon2Children()
  const all: Place[] = [
    { name: 'nothing is hashed', hash: byNodeRs, slots: 0 },
    { name: 'node-rs in process, no limit (pool of 4)', hash: byNodeRs, slots: WAITING },
    { name: 'node-rs in process, 2 slots', hash: byNodeRs, slots: 2 },
    { name: 'node:crypto in process, 2 slots', hash: byNode, slots: 2 },
    { name: 'node-rs, 2 child processes, nice 10', hash: (it) => children.hash('x', it), slots: 2 },
  ]
  console.log(
    `\n${WAITING} sign-ins always waiting, m=${DEFAULT.memory},t=${DEFAULT.passes},p=1; open loop of`,
  )
  console.log(
    `${SIGNATURES_PER_SECOND} ES256 signatures/s and 200 fs.stat/s in the same process; waits of the quietest round (medians of all)\n`,
  )
  heading(['where', 'hashes/s', 'CPU ms/hash', 'JWT p50 / p99 / worst ms', 'fs.stat p50 / p99 / worst ms'])
  const found = new Map<Place, Meanwhile[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const place of round % 2 === 0 ? all : all.toReversed())
      found.set(place, [...(found.get(place) ?? []), await meanwhile(place, seconds)])
  await children.close()
  for (const [{ name }, samples] of found) {
    const of = (pick: (it: Meanwhile) => number, digits = 1) => median(samples.map(pick)).toFixed(digits)
    const waits = (which: 'jwt' | 'stat') =>
      [0.5, 0.99, 1]
        .map((share) => samples.map((it) => percentile(it[which], share)))
        .map((values) => `${Math.min(...values).toFixed(1)} (${median(values).toFixed(1)})`)
        .join(' / ')
    row([name, of((it) => it.perSecond, 0), of((it) => it.cpu), waits('jwt'), waits('stat')])
  }
}

interface Meanwhile {
  perSecond: number
  cpu: number
  /** milliseconds, sorted */
  jwt: number[]
  stat: number[]
}

async function meanwhile({ hash, slots: atOnce }: Place, seconds: number): Promise<Meanwhile> {
  const { privateKey } = await generateKeyPair('ES256')
  const sign = () => new SignJWT({ sub: 'x' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  const slots = new Slots({ slots: Math.max(1, atOnce), queue: WAITING, deadlineMs: 60_000 })
  if (atOnce > 0) await Promise.all(Array.from({ length: atOnce }, () => hash(DEFAULT)))
  for (let i = 0; i < 50; i += 1) await sign()
  let hashes = 0
  let going = true
  const waiting = Array.from({ length: atOnce > 0 ? WAITING : 0 }, async () => {
    while (going) {
      await slots.run(() => hash(DEFAULT))
      hashes += 1
    }
  })
  const [before = 0] = cpuOf([process.pid])
  const [jwt, stats] = await Promise.all([
    openLoop(sign, SIGNATURES_PER_SECOND, seconds),
    openLoop(promisify(stat).bind(undefined, '/'), 200, seconds),
  ])
  const done = hashes
  const [after = 0] = cpuOf([process.pid])
  going = false
  await Promise.all(waiting)
  return { perSecond: done / seconds, cpu: done === 0 ? 0 : (after - before) / done, jwt, stat: stats }
}

/** Begun on time whether or not those before are done, and timed from when they should have begun. */
async function openLoop(once: () => Promise<unknown>, perSecond: number, seconds: number): Promise<number[]> {
  const started = performance.now()
  const times: Promise<number>[] = []
  for (let n = 0; n < perSecond * seconds; n += 1) {
    const due = started + (n * 1000) / perSecond
    // A timer wakes up to a millisecond late: that much is in every figure.
    if (due > performance.now()) await sleep(Math.ceil(due - performance.now()))
    times.push(once().then(() => performance.now() - due))
  }
  return (await Promise.all(times)).sort((a, b) => a - b)
}

async function storm(rounds: number): Promise<void> {
  console.log(
    `\n${STORM} wrong passwords at once from ${STORM} networks, all settings as they come, Postgres with fsync on`,
  )
  console.log('(the storm and the apps share the two cores with it; the first finds a cold process)\n')
  const postgres = await startPostgres()
  try {
    const stormed = await Stormed.start(postgres.url)
    try {
      for (let round = 0; round <= rounds; round += 1) {
        const form = await stormed.form()
        const began = performance.now()
        const { result, seen } = await stormed.during(() =>
          Promise.all(
            Array.from({ length: STORM }, (_, index) =>
              stormed.wrong(form, `nobody-${round}-${index}@example.org`, `10.${round}.0.${index}`),
            ),
          ),
        )
        const of = (status: number) => result.filter((it: Refused) => it.status === status)
        const slowest = Math.max(...result.map(({ milliseconds }) => milliseconds))
        console.log(
          `storm ${round}: ${of(401).length} looked at, ${of(503).length} busy, all answered after ${(performance.now() - began).toFixed(0)} ms (slowest ${slowest.toFixed(0)})`,
        )
        console.log(`  ${describeSeen(seen).replaceAll('; ', '\n  ')}`)
        await sleep(1000)
      }
    } finally {
      await stormed.close()
    }
  } finally {
    await postgres.stop()
  }
}

function heading(cells: string[]): void {
  row(cells)
  row(cells.map(() => '---'))
}

function row(cells: string[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      parts: { type: 'string', default: 'libraries,places,storm' },
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (values.help || !(rounds >= 1 && rounds <= 20)) return console.log(USAGE)
  const parts = values.parts.split(',')
  console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()}, load ${loadavg()[0]?.toFixed(1)}\n`)
  if (parts.includes('libraries')) await libraries(rounds, values.quick ? 5 : 25)
  if (parts.includes('places')) await places(rounds, values.quick ? 1 : 3)
  if (parts.includes('storm')) await storm(rounds)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await main()
process.exit()
