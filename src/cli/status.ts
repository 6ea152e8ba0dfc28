/** `ostiary status`: the state of a deployment at a glance. Changes nothing. */
import { type Command, InvalidArgumentError } from 'commander'
import { dataKeys } from '../app-parts.ts'
import type { Config } from '../config/config.ts'
import { OUTBOX_KINDS } from '../domain/outbox.ts'
import { Outbound } from '../outbound/outbound.ts'
import { type Inspection, openInspection } from '../storage/choose.ts'
import { version } from '../version.ts'
import { type Answer, answers } from './answer.ts'
import { leaf, moment } from './leaf.ts'
import { type Parts, readConfig } from './stores.ts'

const PATIENCE_MS = 5000

interface NodeState {
  origin: string
  status: string
  checks?: Record<string, { state: string }>
}

export function statusCommand(program: Command): void {
  leaf(program, 'status', {
    summary: 'version, nodes, migrations, keys and what waits to be sent',
    description: `Version, health of the nodes, missing migrations, keys, and what waits to be sent or was given up. Exit code 3 when a
node is not up, a migration is missing or something was given up.`,
    examples: ['status', 'status --node http://10.0.0.4:3000 --node http://10.0.0.5:3000 --json'],
  })
    .option(
      '--node <origin>',
      'where a node listens, as often as there are nodes (this machine, PORT)',
      (text: string, before: string[] = []) => [...before, originOf(text)],
    )
    .action(answers((options: { node?: string[] }) => status(options.node)))
}

async function status(nodes: readonly string[] | undefined): Promise<Answer> {
  const parts = readConfig(undefined, { looks: true })
  const { config, options } = parts
  const asked = nodes ?? [
    `http://${config.listen.hosts[0]?.replace('0.0.0.0', '127.0.0.1')}:${config.listen.port}`,
  ]
  const [states, inside] = await Promise.all([
    healthOf(asked),
    openInspection(options).catch((error: Error) => error),
  ])
  const stored = inside instanceof Error ? { unread: inside.message } : await lookInside(inside, parts)
  const dead = 'outbox' in stored && stored.outbox.some((kind) => kind.dead > 0)
  const missing = 'migrations' in stored && stored.migrations.pending.length > 0
  const unread = 'unread' in stored
  const down = states.some((node) => node.status !== 'up')
  const json = { version, mode: config.mode, issuer: config.issuer, nodes: states, ...stored }
  return { json, words: inWords(config, states, stored), found: dead || missing || down || unread }
}

type Stored = Awaited<ReturnType<typeof lookInside>> | { unread: string }

async function lookInside(inside: Inspection, { secrets, keyring }: Parts) {
  try {
    const { version: postgres, pending, unknown } = await inside.inspect()
    const migrations = { pending, unknown }
    if (pending.length > 0) return { postgres, migrations }
    const { database } = inside
    // Keys are sealed, also where only their state is asked for.
    await dataKeys(inside, secrets, keyring).refresh()
    const keys = (await database.signingKeys.list())
      .filter(({ state }) => state !== 'retired')
      .map(({ kid, line, state, since }) => ({ kid, line, state, since }))
    const outbox = await Promise.all(
      OUTBOX_KINDS.map(async (kind) => ({ kind, ...(await database.outbox.counts(kind)) })),
    )
    return { postgres, migrations, keys, outbox }
  } catch (error) {
    return { unread: (error as Error).message }
  } finally {
    await inside.close()
  }
}

async function healthOf(origins: readonly string[]): Promise<NodeState[]> {
  const outbound = new Outbound({ allow: origins })
  return Promise.all(
    origins.map(async (origin): Promise<NodeState> => {
      try {
        const answer = await outbound.fetch(`${origin}/health`, { timeoutMs: PATIENCE_MS })
        const { status, checks } = (await answer.json()) as Omit<NodeState, 'origin'>
        return { origin, status: String(status), ...(checks ? { checks } : {}) }
      } catch (error) {
        return { origin, status: `no answer (${(error as Error).message})` }
      }
    }),
  )
}

function inWords({ mode, issuer }: Config, nodes: readonly NodeState[], stored: Stored): string {
  const lines = [`Ostiary ${version}, ${mode}, ${issuer}`]
  for (const { origin, status, checks = {} } of nodes) {
    const down = Object.entries(checks).filter(([, { state }]) => state !== 'up')
    lines.push(`node        ${origin}  ${status}${down.map(([name]) => `, ${name} is down`).join('')}`)
  }
  if ('unread' in stored) lines.push(`database    cannot be read: ${stored.unread}`)
  if ('migrations' in stored) {
    const { pending, unknown } = stored.migrations
    lines.push(`migrations  ${pending.length === 0 ? 'none missing' : `${pending.length} missing`}`)
    if (unknown.length > 0) lines.push(`migrations  ${unknown.length} of another version`)
  }
  if ('keys' in stored && stored.keys)
    for (const { line, kid, state, since } of stored.keys)
      lines.push(`key         ${line.padEnd(6)}  ${kid}  ${state.padEnd(8)}  since ${moment(since)}`)
  if ('outbox' in stored && stored.outbox)
    for (const { kind, waiting, dead } of stored.outbox)
      lines.push(`outbox      ${kind}: ${waiting} waiting, ${dead} given up`)
  return lines.join('\n')
}

function originOf(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('It must be an http address.')
  return url.origin
}
