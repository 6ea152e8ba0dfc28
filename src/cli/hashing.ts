/**
 * `ostiary hashing --target 100`: measures this machine, in the same child processes that Ostiary hashes in, and
 * proposes the three settings of password hashing for hashes of about that many milliseconds. Changes nothing.
 */
import { availableParallelism, loadavg, totalmem } from 'node:os'
import type { Command } from 'commander'
import { Argon2Children } from '../crypto/argon2-children.ts'
import { calibrate } from '../crypto/calibration.ts'
import { ARGON2_DEFAULTS, ARGON2_FLOOR } from '../crypto/password-hasher.ts'
import type { Argon2Parameters } from '../crypto/phc.ts'
import { type Answer, answers, note } from './answer.ts'
import { leaf, wholeNumber } from './leaf.ts'

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

const sorted = (values: number[]) => values.toSorted((a, b) => a - b)
const median = (values: number[]) => sorted(values)[values.length >> 1] ?? 0
/** What a hash takes when nobody disturbs it; slower ones were disturbed. */
const undisturbed = (values: number[]) => sorted(values)[values.length >> 2] ?? 0
const words = ({ memory, passes }: Argon2Parameters) => `${memory} KiB, ${passes} iterations`

/** Milliseconds of each hash, one after the other. */
async function hashes(children: Argon2Children, parameters: Argon2Parameters): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + MEASURE_MS
  while (times.length < FEWEST || performance.now() < end) {
    const began = performance.now()
    await children.hash('a password like many others', parameters)
    times.push(performance.now() - began)
  }
  return times
}

async function alone(children: Argon2Children, parameters: Argon2Parameters): Promise<number> {
  // The first finds a cold process.
  await children.hash('', parameters)
  const milliseconds = undisturbed(await hashes(children, parameters))
  note(`  ${words(parameters)}: ${milliseconds.toFixed(1)} ms`)
  return milliseconds
}

async function together(
  children: Argon2Children,
  parameters: Argon2Parameters,
  slots: number,
): Promise<Throughput> {
  await Promise.all(Array.from({ length: slots }, () => children.hash('', parameters)))
  const began = performance.now()
  const times = (await Promise.all(Array.from({ length: slots }, () => hashes(children, parameters)))).flat()
  const perSecond = (times.length * 1000) / (performance.now() - began)
  note(`  ${slots} at once: ${perSecond.toFixed(1)} hashes a second`)
  return { slots, perSecond, milliseconds: median(times) }
}

/** As few slots as make nearly as many hashes: more only hold memory. */
async function worthwhile(
  children: Argon2Children,
  parameters: Argon2Parameters,
  cores: number,
): Promise<Throughput> {
  let best = await together(children, parameters, 1)
  for (let slots = 2; slots <= Math.min(cores, MOST_SLOTS); slots += 1) {
    const more = await together(children, parameters, slots)
    if (more.perSecond < best.perSecond * WORTH_IT) break
    best = more
  }
  return best
}

async function measured(children: Argon2Children, targetMs: number): Promise<Answer> {
  const cores = availableParallelism()
  const mostMemory = (totalmem() * MEMORY_SHARE) / Math.min(cores, MOST_SLOTS) / 1024
  const measure = (parameters: Argon2Parameters) => alone(children, parameters)
  note(`Measuring for hashes of ${targetMs} ms:`)
  const busy = loadavg()[0] ?? 0
  const proposed = await calibrate({ measure, targetMs, mostMemory })
  const best = await worthwhile(children, proposed, cores)
  const rows = {
    proposed,
    default: { ...ARGON2_DEFAULTS, milliseconds: await measure(ARGON2_DEFAULTS) },
    floor: { ...ARGON2_FLOOR, milliseconds: await measure(ARGON2_FLOOR) },
  }
  const settings = {
    ARGON2_MEMORY_KIB: proposed.memory,
    ARGON2_ITERATIONS: proposed.passes,
    HASHING_SLOTS: best.slots,
  }
  const words = [
    '\n            memory KiB   iterations   ms a hash',
    ...Object.entries(rows).map(
      ([name, { memory, passes, milliseconds }]) =>
        `${name.padEnd(10)}${String(memory).padStart(12)}${String(passes).padStart(13)}${milliseconds.toFixed(1).padStart(12)}`,
    ),
    ...(proposed.milliseconds > targetMs
      ? [`\nEven the floor takes longer than ${targetMs} ms here; nothing weaker is accepted.`]
      : []),
    `\n${best.slots} at once: ${best.perSecond.toFixed(1)} hashes a second of ${best.milliseconds.toFixed(0)} ms, ` +
      `${Math.ceil((best.slots * proposed.memory) / 1024)} MiB while they are computed.\n`,
    ...(busy > cores / 2
      ? [`This machine was busy (load ${busy.toFixed(1)}): better ask again when it is not.\n`]
      : []),
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  ]
  return {
    json: { targetMs, settings, measured: rows, atOnce: best, load: busy, cores },
    words: words.join('\n'),
  }
}

export function hashingCommand(program: Command): void {
  leaf(program, 'hashing', {
    summary: 'measure this machine, and propose the settings for password hashes',
    description: `Measures this machine and proposes the three settings of password hashing for hashes of about so many
milliseconds. Takes half a minute of all cores. Changes nothing.`,
    examples: ['hashing --target 100'],
  })
    .option(
      '--target <milliseconds>',
      'how long one password hash is to take, 10 to 2000',
      wholeNumber(10, 2000),
      DEFAULT_TARGET_MS,
    )
    .action(
      answers(async ({ target }: { target: number }) => {
        const children = new Argon2Children()
        try {
          return await measured(children, target)
        } finally {
          await children.close()
        }
      }),
    )
}
