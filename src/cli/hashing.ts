/**
 * `npm run hashing -- --target 100`: measures this machine, in the same child processes that Ostiary hashes in, and
 * proposes the three settings of password hashing for hashes of about that many milliseconds. Changes nothing.
 */
import { availableParallelism, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { Argon2Children } from '../crypto/argon2-children.ts'
import { calibrate } from '../crypto/calibration.ts'
import { ARGON2_DEFAULTS, ARGON2_FLOOR } from '../crypto/password-hasher.ts'
import type { Argon2Parameters } from '../crypto/phc.ts'

const USAGE = `usage: npm run hashing [-- --target MILLISECONDS]

  --target  how long one password hash is to take on this machine, 10 to 2000 (default 100)`
const DEFAULT_TARGET_MS = 100
/** one measurement takes about this long, but at least three hashes */
const MEASURE_MS = 1000
const FEWEST = 3
const MOST_SLOTS = 4
/** of the machine's memory, for all hashes at once: the rest is for Ostiary and what else runs here */
const MEMORY_SHARE = 1 / 8
/** a further process at once must bring this much more hashes a second */
const WORTH_IT = 1.15

interface Throughput {
  slots: number
  perSecond: number
  /** of one hash while all slots are busy */
  milliseconds: number
}

const children = new Argon2Children()
const sorted = (values: number[]) => values.toSorted((a, b) => a - b)
const median = (values: number[]) => sorted(values)[values.length >> 1] ?? 0
/** What a hash takes when nobody disturbs it; slower ones were disturbed. */
const undisturbed = (values: number[]) => sorted(values)[values.length >> 2] ?? 0
const words = ({ memory, passes }: Argon2Parameters) => `${memory} KiB, ${passes} iterations`

/** Milliseconds of each hash, one after the other. */
async function hashes(parameters: Argon2Parameters): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + MEASURE_MS
  while (times.length < FEWEST || performance.now() < end) {
    const began = performance.now()
    await children.hash('a password like many others', parameters)
    times.push(performance.now() - began)
  }
  return times
}

async function alone(parameters: Argon2Parameters): Promise<number> {
  // The first finds a cold process.
  await children.hash('', parameters)
  const milliseconds = undisturbed(await hashes(parameters))
  console.error(`  ${words(parameters)}: ${milliseconds.toFixed(1)} ms`)
  return milliseconds
}

async function together(parameters: Argon2Parameters, slots: number): Promise<Throughput> {
  await Promise.all(Array.from({ length: slots }, () => children.hash('', parameters)))
  const began = performance.now()
  const times = (await Promise.all(Array.from({ length: slots }, () => hashes(parameters)))).flat()
  const perSecond = (times.length * 1000) / (performance.now() - began)
  console.error(`  ${slots} at once: ${perSecond.toFixed(1)} hashes a second`)
  return { slots, perSecond, milliseconds: median(times) }
}

/** As few slots as make nearly as many hashes: more only hold memory. */
async function worthwhile(parameters: Argon2Parameters, cores: number): Promise<Throughput> {
  let best = await together(parameters, 1)
  for (let slots = 2; slots <= Math.min(cores, MOST_SLOTS); slots += 1) {
    const more = await together(parameters, slots)
    if (more.perSecond < best.perSecond * WORTH_IT) break
    best = more
  }
  return best
}

function targetOf(text: string | undefined): number {
  const target = Number(text ?? DEFAULT_TARGET_MS)
  if (!(target >= 10 && target <= 2000)) throw new TypeError('--target must be between 10 and 2000')
  return target
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { target: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help) return console.log(USAGE)
  const targetMs = targetOf(values.target)
  const cores = availableParallelism()
  const mostMemory = (totalmem() * MEMORY_SHARE) / Math.min(cores, MOST_SLOTS) / 1024
  console.error(`Measuring for hashes of ${targetMs} ms:`)
  const busy = loadavg()[0] ?? 0
  const proposed = await calibrate({ measure: alone, targetMs, mostMemory })
  const best = await worthwhile(proposed, cores)
  const usual = await alone(ARGON2_DEFAULTS)
  const floor = await alone(ARGON2_FLOOR)

  const rows: [string, Argon2Parameters, number][] = [
    ['proposed', proposed, proposed.milliseconds],
    ['default', ARGON2_DEFAULTS, usual],
    ['floor', ARGON2_FLOOR, floor],
  ]
  console.log('\n            memory KiB   iterations   ms a hash')
  for (const [name, { memory, passes }, milliseconds] of rows)
    console.log(
      `${name.padEnd(10)}${String(memory).padStart(12)}${String(passes).padStart(13)}${milliseconds.toFixed(1).padStart(12)}`,
    )
  if (proposed.milliseconds > targetMs)
    console.log(`\nEven the floor takes longer than ${targetMs} ms here; nothing weaker is accepted.`)
  console.log(
    `\n${best.slots} at once: ${best.perSecond.toFixed(1)} hashes a second of ${best.milliseconds.toFixed(0)} ms, ` +
      `${Math.ceil((best.slots * proposed.memory) / 1024)} MiB while they are computed.\n`,
  )
  if (busy > cores / 2)
    console.log(`This machine was busy (load ${busy.toFixed(1)}): better ask again when it is not.\n`)
  console.log(`ARGON2_MEMORY_KIB=${proposed.memory}`)
  console.log(`ARGON2_ITERATIONS=${proposed.passes}`)
  console.log(`HASHING_SLOTS=${best.slots}`)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error)
  process.exitCode = 1
} finally {
  await children.close()
}
