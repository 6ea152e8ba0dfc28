/** `ostiary data-key`: brings in a new data key while everything runs, and seals anew what is sealed for long. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { ACTIVATION_SECONDS, KeyRotation, StillNeededError, type Version } from '../crypto/key-rotation.ts'
import type { Dependants } from '../storage/at-rest.ts'
import { type Answer, answers, note, Refusal } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf, moment } from './leaf.ts'
import { type Opened, withStorage } from './stores.ts'

interface Options {
  force?: boolean
  yes?: boolean
}

export function dataKeyCommands(program: Command): void {
  const dataKey = group(program, 'data-key', 'the keys under which secrets are sealed in the database')
  leaf(dataKey, 'list', {
    summary: 'the data keys, and what depends on the former one',
    examples: ['data-key list'],
  }).action(answers(() => withStorage((opened) => report(rotationOf(opened)))))
  leaf(dataKey, 'rotate', {
    summary: 'bring in a new data key while everything runs',
    description: `Adds a new data key. Every process takes it in by itself, and new tokens, sessions, passwords and secrets are
made with it a minute later. What was made with the one before goes on working, until the rotation after this
one takes that key away; so the next rotation is refused while something still depends on it.

This does not change OSTIARY_SECRET_KEY, which wraps the data keys: docs/operations.md says how to.`,
    examples: ['data-key rotate', 'data-key rotate --force --yes'],
  })
    .option('--force', 'rotate although something depends on the oldest key: that stops working at once')
    .option('--yes', 'do not ask, with --force')
    .action(
      answers(async (options: Options) => {
        if (options.force)
          await confirmed('What depends on the oldest data key stops working at once.', options)
        return withStorage((opened) => rotate(options, opened))
      }),
    )
}

function rotationOf({ storage, keyring, keys }: Opened): KeyRotation {
  return new KeyRotation(storage.dataKeys, keyring, keys)
}

async function rotate({ force = false }: Options, opened: Opened): Promise<Answer> {
  const { config, storage } = opened
  const rotation = rotationOf(opened)
  // The embedded database is open in one process, this one: there is nobody to wait for.
  const activeInSeconds = config.database.kind === 'postgres' ? ACTIVATION_SECONDS : 0
  const next = await underWay(rotation)
  if (next) note(`Data key ${next.version} was added before; this goes on from there.`)
  const added = next ?? (await begin(rotation, { force, activeInSeconds }))
  storage.notices.publish('keys')
  await untilCurrent(rotation, added)
  const sealed = await rotation.reseal()
  const { json, words } = await report(rotation)
  const lines = [
    `Data key ${added.version} is in use.`,
    `${sealed} sealed ${sealed === 1 ? 'value was' : 'values were'} sealed with it.`,
    words,
  ]
  return { json: { added: added.version, resealed: sealed, ...json }, words: lines.join('\n') }
}

async function begin(
  rotation: KeyRotation,
  options: { force: boolean; activeInSeconds: number },
): Promise<Version> {
  try {
    return await rotation.begin(options)
  } catch (error) {
    throw error instanceof StillNeededError ? refused(error) : error
  }
}

/** One that was added by a run that was interrupted. */
async function underWay(rotation: KeyRotation): Promise<Version | undefined> {
  return (await rotation.versions()).find(({ state }) => state === 'next')
}

async function untilCurrent(rotation: KeyRotation, { version, activeIn }: Version): Promise<void> {
  if (activeIn > 0)
    note(`Data key ${version} is used from ${clockTime(activeIn)} on; until then every process takes it in …`)
  for (let next = await underWay(rotation); next; next = await underWay(rotation))
    await sleep(Math.max(0, next.activeIn) * 1000 + 100)
}

async function report(rotation: KeyRotation): Promise<{ json: object; words: string }> {
  const [versions, dependants] = [await rotation.versions(), await rotation.dependants()]
  const keys = versions.map(({ version, state, activeIn }) => ({
    version,
    state,
    since: at(activeIn),
    activeIn,
  }))
  const lines = keys.map(
    ({ version, state, since, activeIn }) =>
      `data key ${version}  ${state.padEnd(7)}  ${activeIn > 0 ? 'from' : 'since'} ${moment(since)}`,
  )
  if (dependants.length > 0)
    lines.push(`\nOnly former keys recognise, and the next rotation waits for:\n${listOf(dependants)}`)
  const json = { keys: keys.map(({ activeIn: _, ...key }) => key), dependants }
  return { json, words: lines.join('\n') }
}

function refused({ message, dependants }: StillNeededError): Refusal {
  return new Refusal(
    'still_needed',
    `Nothing was changed: ${message}. Without it these would stop working:
${listOf(dependants)}
Passwords and client secrets move to the current key when they are used, the rest runs out. If the old key has become
known to somebody, rotate at once: ostiary data-key rotate --force`,
  )
}

function listOf(dependants: readonly Dependants[]): string {
  const width = Math.max(...dependants.map(({ count }) => String(count).length))
  return dependants.map(({ what, count }) => `  ${String(count).padStart(width)}  ${what}`).join('\n')
}

const at = (inSeconds: number) => new Date(Date.now() + inSeconds * 1000)
const clockTime = (inSeconds: number) => moment(at(inSeconds)).slice(11)
