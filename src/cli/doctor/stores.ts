/** The database, Redis, and what is kept there. Changes nothing: an old schema is found, not mended. */
import { dataKeys, signingKeyPolicy } from '../../app-parts.ts'
import type { Config, Secrets } from '../../config/config.ts'
import { schedule } from '../../domain/keys/schedule.ts'
import { OUTBOX_KINDS } from '../../domain/outbox.ts'
import { type Inspection, openInspection } from '../../storage/choose.ts'
import { DataDirectoryError } from '../../storage/faults.ts'
import { inspectRedis } from '../../storage/redis/inspect.ts'
import { mostConnections } from '../../storage/sql/connect-postgres.ts'
import { MAX_SKEW_MS } from '../../storage/vital.ts'
import type { Parts } from '../stores.ts'
import type { FindingCode, Seen } from './findings.ts'

const OLDEST_POSTGRES = 15
const OLDEST_REDIS = 6
const SLOW_MS = 50
/** The running processes look far more often. */
const OVERDUE_MS = 3600_000
const MANY_WAITING = 100
/** of the memory it may have */
const NEARLY_FULL = 0.9

export async function lookAtStores(parts: Parts): Promise<Seen[]> {
  const inside = await openInspection(parts.options).catch((error: Error) => error)
  if (inside instanceof Error) return [unopened(inside)]
  try {
    const database = await lookAtDatabase(parts, inside)
    const whole = !database.some((one) => 'code' in one && BROKEN.has(one.code))
    return whole ? [...database, ...(await lookInside(parts, inside))] : database
  } finally {
    await inside.close()
  }
}

/** Nothing more can be read then. */
const BROKEN: ReadonlySet<FindingCode> = new Set([
  ...(['database-unreachable', 'database-read-only', 'migrations-missing'] as const),
])

const CODES = {
  in_use: 'database-in-use',
  missing: 'database-missing',
  unusable: 'database-damaged',
} as const satisfies Record<DataDirectoryError['reason'], FindingCode>

function unopened(error: Error): Seen {
  const code = error instanceof DataDirectoryError ? CODES[error.reason] : 'database-unreachable'
  return { area: 'database', code, what: error.message }
}

async function lookAtDatabase({ config }: Parts, inside: Inspection): Promise<Seen[]> {
  const area = 'database'
  let facts: Awaited<ReturnType<Inspection['inspect']>>
  try {
    facts = await inside.inspect()
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    const readOnly = code === '25006' || /READONLY|read-only/i.test(message)
    return [{ area, code: readOnly ? 'database-read-only' : 'database-unreachable', what: message }]
  }
  const { version, latencyMs, skewMs, encoding, mayCreate, connections, pending, unknown } = facts
  const { database, workers } = config
  const wanted = database.kind === 'postgres' ? mostConnections(database.poolSize) * workers : 0
  const table: [boolean, FindingCode, string][] = [
    [version < OLDEST_POSTGRES, 'database-old', `Postgres ${version}`],
    [latencyMs > SLOW_MS, 'database-slow', `a question takes ${latencyMs} ms`],
    [encoding !== 'UTF8', 'database-encoding', `its encoding is ${encoding}`],
    [!mayCreate, 'database-permission', 'the user may not create tables, which migrations do'],
    [
      wanted > connections.most - connections.used,
      'database-connections',
      `this deployment may take ${wanted} connections; ${connections.used} of ${connections.most} are taken`,
    ],
    [
      Math.abs(skewMs) > MAX_SKEW_MS,
      'database-clock',
      `this machine's clock is ${Math.round(Math.abs(skewMs) / 1000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} the database's`,
    ],
    [
      pending.length > 0,
      'migrations-missing',
      `${pending.length} migrations are missing, from ${pending[0]} on`,
    ],
    [unknown.length > 0, 'migrations-unknown', `this version does not know ${unknown.join(', ')}`],
  ]
  const found = table
    .filter(([is, code]) => is && !(database.kind === 'pglite' && code === 'database-connections'))
    .map(([, code, what]): Seen => ({ area, code, what }))
  const name = database.kind === 'postgres' ? `Postgres ${version}` : 'the embedded database'
  return [{ area, well: `${name} answers in ${latencyMs} ms` }, ...found]
}

async function lookInside({ config, secrets, keyring }: Parts, inside: Inspection): Promise<Seen[]> {
  const seen: Seen[] = []
  const { database } = inside
  try {
    // Only reads: what is wrapped under a former secret key is left for the next start.
    await dataKeys(inside, secrets, keyring).refresh()
    const stored = await inside.dataKeys.list()
    const waiting = stored.filter(({ activeIn }) => activeIn > 600)
    if (waiting.length > 0)
      seen.push({
        area: 'keys',
        code: 'data-key-waiting',
        what: `data key ${waiting[0]?.version} is not in use yet`,
      })
    seen.push({ area: 'keys', well: `${stored.length} data keys open` })
  } catch (error) {
    return [{ area: 'keys', code: 'secret-key-wrong', what: (error as Error).message }]
  }
  seen.push(await lookAtSigningKeys(config, inside))
  if (!(await database.users.anyoneHasRole('owner')))
    seen.push({ area: 'people', code: 'no-owner', what: 'nobody has the role owner' })
  for (const kind of OUTBOX_KINDS) {
    const { waiting, dead } = await database.outbox.counts(kind)
    if (dead > 0) seen.push({ area: 'outbox', code: 'outbox-dead', what: `${dead} of ${kind} were given up` })
    if (waiting > MANY_WAITING)
      seen.push({ area: 'outbox', code: 'outbox-waiting', what: `${waiting} of ${kind} wait` })
  }
  if (!seen.some(({ area }) => area === 'outbox')) seen.push({ area: 'outbox', well: 'nothing was given up' })
  return seen
}

async function lookAtSigningKeys(config: Config, { database }: Inspection): Promise<Seen> {
  const area = 'keys'
  const keys = await database.signingKeys.list()
  if (keys.length === 0) return { area, code: 'signing-keys-missing', what: 'there are no signing keys yet' }
  const due = schedule(keys, signingKeyPolicy(config), new Date(Date.now() - OVERDUE_MS))
  const lines = [...new Set(due.map((change) => ('make' in change ? change.make : change.move)))]
  if (due.length > 0)
    return { area, code: 'signing-keys-overdue', what: `due for an hour and not done: ${lines.join(', ')}` }
  return { area, well: `${keys.filter(({ state }) => state === 'current').length} signing keys are current` }
}

export async function lookAtRedis({ redisUrl }: Secrets): Promise<Seen[]> {
  if (redisUrl === undefined) return []
  const area = 'redis'
  try {
    const { version, latencyMs, usedBytes, mostBytes } = await inspectRedis(redisUrl)
    const major = Number.parseInt(version, 10)
    const full = mostBytes > 0 && usedBytes > mostBytes * NEARLY_FULL
    return [
      { area, well: `Redis ${version} answers in ${latencyMs} ms` },
      ...(major < OLDEST_REDIS ? [{ area, code: 'redis-old', what: `Redis ${version}` } as const] : []),
      ...(full
        ? [{ area, code: 'redis-full', what: `${usedBytes} of ${mostBytes} bytes are used` } as const]
        : []),
    ]
  } catch (error) {
    return [{ area, code: 'redis-unreachable', what: `Redis does not answer: ${(error as Error).message}` }]
  }
}
