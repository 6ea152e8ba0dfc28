/**
 * What people by the hundred thousand cost (`node bench/import.ts [--people N]`): importing and exporting them, time and
 * memory, then listing and searching through the API, on each of the two stacks. Half of them bring a foreign hash.
 */
import { parseArgs } from 'node:util'
import { userTransfer } from '../src/app-transfer.ts'
import { type Caller, CONSOLE, newCaller } from '../test/support/api.ts'
import { keyringOf } from '../test/support/people.ts'
import { webClient } from '../test/support/relying-party.ts'
import { startPostgres, startRedis } from '../test/support/services.ts'
import { STACKS, type Stack, startApp } from '../test/support/start-app.ts'
import { type Sql, sqlOf } from '../test/support/stored-rows.ts'
import { percentile } from './lib/statistics.ts'

const REQUESTS = 200
const HASH = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'
const FIRST = ['Ada', 'Bela', 'Chiara', 'Deniz', 'Emeka', 'Freya', 'Goran', 'Hana', 'Ines', 'Jun']

const { values } = parseArgs({ options: { people: { type: 'string', default: '100000' } } })
const people = Math.min(Math.max(Number(values.people) || 0, 1_000), 500_000)
// The services are ended at the exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const postgres = await startPostgres()
const redis = await startRedis()
process.env.TEST_POSTGRES_URL = postgres.url
process.env.TEST_REDIS_URL = redis.url
try {
  for (const stack of STACKS) await measure(stack)
} finally {
  await postgres.stop()
  await redis.stop()
}

async function measure(stack: Stack): Promise<void> {
  const running = await startApp({
    stack,
    settings: { LOG_LEVEL: 'info' },
    overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000 } },
  })
  const app = { ...running, stack, sql: await sqlOf(running) }
  try {
    console.log(`\n${stack}, ${people} people`)
    const { storage } = running.app
    const { userImport, exportUsers } = userTransfer({ storage, keyring: await keyringOf(running) })
    const load = (onConflict: 'refuse' | 'update') =>
      userImport.run(lines(), { dryRun: false, onConflict }, { by: 'bench' })
    const first = await timed('imported', () => load('refuse'))
    if (first.created !== people)
      throw new Error(`${first.created} created: ${JSON.stringify(first.faults[0])}`)
    const second = await timed('imported once more', () => load('update'))
    if (second.unchanged !== people) throw new Error(`${second.unchanged} unchanged`)
    await timed('exported', async () => {
      let bytes = 0
      for await (const line of exportUsers({ by: 'bench' })) bytes += line.length
      return bytes
    })
    await app.sql.query('analyze')
    const owner = await newCaller(app, 'owner', ['owner'])
    await reading(owner, app.sql)
  } finally {
    await app.sql.close()
    await running.close()
  }
}

async function* lines(): AsyncGenerator<string> {
  for (let n = 0; n < people; n += 1) {
    const given = FIRST[n % FIRST.length]
    yield JSON.stringify({
      ...{ email: `person${n}@bench.example`, email_verified: true, username: `person${n}` },
      ...{ name: `${given} Family${(n * 7919) % people}`, given_name: given, locale: 'en' },
      ...(n % 2 === 0 ? { password_hash: HASH } : {}),
    })
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  let most = 0
  const look = () => {
    most = Math.max(most, process.memoryUsage().rss)
  }
  look()
  const before = most
  const timer = setInterval(look, 50)
  const started = performance.now()
  const result = await work()
  const seconds = (performance.now() - started) / 1000
  clearInterval(timer)
  look()
  const rate = Math.round(people / seconds)
  console.log(
    `  ${what.padEnd(20)} ${seconds.toFixed(1)} s, ${rate} a second; at most ${mib(most)} MiB resident, ${mib(most - before)} more than before`,
  )
  return result
}

async function reading(owner: Caller, sql: Sql): Promise<void> {
  const at = (query: string) => `/api/v1/admin/users?${query}`
  const any = () => Math.floor(Math.random() * people)
  const deep = await cursorAt(owner, 100)
  const questions: Record<string, () => string> = {
    'first page of 50': () => at(''),
    'page 100 by address': () => at(`sort=email&limit=200&cursor=${deep}`),
    'one by e-mail address': () => at(`search=person${any()}%40bench`),
    'e-mail prefix of many': () => at('search=person'),
    'by name': () => at(`search=${FIRST[any() % 10]}%20Family${any()}`),
    'a first name of 10 %': () => at('search=ada'),
    nobody: () => at(`search=nobody${any()}`),
  }
  for (const [what, address] of Object.entries(questions)) {
    const times: number[] = []
    for (let request = 0; request < REQUESTS; request += 1) {
      const started = performance.now()
      const { status, text } = await owner.get(address())
      times.push(performance.now() - started)
      if (status !== 200) throw new Error(`${what}: ${status} ${text}`)
    }
    times.sort((a, b) => a - b)
    const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)]
    console.log(`  ${what.padEnd(24)} p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  }
  const like = `like 'person4711%'`
  const plan = await sql.query<{ 'QUERY PLAN': string }>(
    `explain select * from users where email_key collate "C" ${like} or username_key collate "C" ${like}
      or lower(name) collate "C" ${like} order by created_at desc, id desc limit 51`,
  )
  for (const row of plan) console.log(`    ${row['QUERY PLAN']}`)
}

async function cursorAt(owner: Caller, page: number): Promise<string> {
  let cursor = ''
  for (let at = 1; at < page; at += 1) {
    const { json } = await owner.get(
      `/api/v1/admin/users?sort=email&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    )
    if (json.next_cursor === null) break
    cursor = json.next_cursor
  }
  return encodeURIComponent(cursor)
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
