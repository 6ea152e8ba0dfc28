/** `npm run rotate-keys`: brings in a new data key while everything runs, and seals anew what is sealed for long. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ACTIVATION_SECONDS, KeyRotation, StillNeededError, type Version } from '../crypto/key-rotation.ts'
import type { Dependants } from '../storage/at-rest.ts'
import { type Opened, readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run rotate-keys [-- status | --force]

Adds a new data key. Every process takes it in by itself, and new tokens, sessions, passwords and secrets are made
with it a minute later. What was made with the one before goes on working, until the rotation after this one takes
that key away; so the next rotation is refused while something still depends on it.

  status    list the data keys, and what depends on the former one; change nothing
  --force   rotate although something depends on the oldest key: that stops working at once

This does not change OSTIARY_SECRET_KEY, which wraps the data keys: docs/operations.md says how to.`

await runCommand(async () => {
  const options = readArguments(USAGE, readOptions)
  if (options) await withStorage((opened) => run(options, opened))
})

async function run(options: Options, { config, storage, keyring, keys }: Opened): Promise<void> {
  const rotation = new KeyRotation(storage.dataKeys, keyring, keys)
  if (options.status) return report(rotation)
  // The embedded database is open in one process, this one: there is nobody to wait for.
  const activeInSeconds = config.database.kind === 'postgres' ? ACTIVATION_SECONDS : 0
  const next = await underWay(rotation)
  if (next) console.log(`Data key ${next.version} was added before; this goes on from there.`)
  const added = next ?? (await begin(rotation, { force: options.force, activeInSeconds }))
  if (!added) return
  storage.notices.publish('keys')
  await untilCurrent(rotation, added)
  const sealed = await rotation.reseal()
  console.log(`${sealed} sealed ${sealed === 1 ? 'value was' : 'values were'} sealed with it.`)
  await report(rotation)
}

async function begin(
  rotation: KeyRotation,
  options: { force: boolean; activeInSeconds: number },
): Promise<Version | undefined> {
  try {
    return await rotation.begin(options)
  } catch (error) {
    if (!(error instanceof StillNeededError)) throw error
    refuse(error)
    process.exitCode = 1
    return undefined
  }
}

interface Options {
  status: boolean
  force: boolean
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    options: { force: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (values.help || positionals[0] === 'help') {
    console.log(USAGE)
    return undefined
  }
  if (!positionals.every((word) => word === 'status'))
    throw new Error(`"${positionals.join(' ')}" is not a command`)
  return { status: positionals.length > 0, force: values.force }
}

/** One that was added by a run that was interrupted. */
async function underWay(rotation: KeyRotation): Promise<Version | undefined> {
  return (await rotation.versions()).find(({ state }) => state === 'next')
}

async function untilCurrent(rotation: KeyRotation, { version, activeIn }: Version): Promise<void> {
  if (activeIn > 0)
    console.log(
      `Data key ${version} is used from ${clockTime(activeIn)} on; until then every process takes it in …`,
    )
  for (let next = await underWay(rotation); next; next = await underWay(rotation))
    await sleep(Math.max(0, next.activeIn) * 1000 + 100)
  console.log(`Data key ${version} is in use.`)
}

async function report(rotation: KeyRotation): Promise<void> {
  for (const { version, state, activeIn } of await rotation.versions())
    console.log(
      `data key ${version}  ${state.padEnd(7)}  ${activeIn > 0 ? 'from' : 'since'} ${dateTime(activeIn)}`,
    )
  const dependants = await rotation.dependants()
  if (dependants.length > 0)
    console.log(`\nOnly former keys recognise, and the next rotation waits for:\n${listOf(dependants)}`)
}

function refuse({ message, dependants }: StillNeededError): void {
  console.error(`Nothing was changed: ${message}. Without it these would stop working:
${listOf(dependants)}
Passwords and client secrets move to the current key when they are used, the rest runs out. If the old key has become
known to somebody, rotate at once: npm run rotate-keys -- --force`)
}

function listOf(dependants: readonly Dependants[]): string {
  const width = Math.max(...dependants.map(({ count }) => String(count).length))
  return dependants.map(({ what, count }) => `  ${String(count).padStart(width)}  ${what}`).join('\n')
}

function dateTime(inSeconds: number): string {
  return new Date(Date.now() + inSeconds * 1000).toISOString().slice(0, 19).replace('T', ' ').concat(' UTC')
}

function clockTime(inSeconds: number): string {
  return dateTime(inSeconds).slice(11)
}
