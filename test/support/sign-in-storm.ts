/**
 * Many wrong sign-ins at once from many networks against an Ostiary in a process of its own, and what others see
 * meanwhile: apps at discovery, keys and tokens, the process itself at libuv's pool, the operator at the memory.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OstiaryProcess } from './ostiary-process.ts'
import { begin, discover, PASSWORD, RP_SECRET, webClient } from './relying-party.ts'
import { type Page, UserAgent } from './user-agent.ts'

const API = 'urn:ostiary:storm:api'
const MACHINE = {
  client_id: 'machine',
  client_secret: RP_SECRET,
  client_name: 'Nightly job',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
export const OWNER = 'owner@example.org'
const PATIENCE_MS = 30_000
/** between two requests of one app */
const BREATH_MS = 10
const PROBE = new URL('wait-probe.mjs', import.meta.url)

export interface Refused {
  status: number
  /** seconds */
  retryAfter: number | undefined
  milliseconds: number
}

export interface Seen {
  /** milliseconds by endpoint, each with how many answers were no 200 */
  endpoints: Record<string, { waits: number[]; failed: string[] }>
  /** milliseconds of libuv's longest wait; undefined: none above 5 */
  worstPoolWait: number | undefined
  /** MiB of the process and its children before and at most */
  memory: { before: number; most: number }
}

export class Stormed {
  readonly ostiary: OstiaryProcess
  readonly #folder: string

  private constructor(ostiary: OstiaryProcess, folder: string) {
    this.ostiary = ostiary
    this.#folder = folder
  }

  /** @param settings beside those the storm needs; the owner has an account with the password of the tests */
  static async start(databaseUrl: string, settings: Record<string, string> = {}): Promise<Stormed> {
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-storm-'))
    const ostiary = await OstiaryProcess.start({
      clients: [webClient({ first_party: true }), MACHINE],
      settings: {
        DATABASE_URL: databaseUrl,
        // so that each wrong sign-in can come from a network of its own
        TRUSTED_PROXIES: '127.0.0.1,::1',
        RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'], tokenTtl: 300 }]),
        NODE_OPTIONS: `--import=${PROBE.href}`,
        WAIT_PROBE: join(folder, 'waits'),
        ...settings,
      },
    })
    const stormed = new Stormed(ostiary, folder)
    const agent = new UserAgent()
    const form = await agent.get(String(ostiary.setupUrl))
    const done = await agent.submit(form, { email: OWNER, name: 'Owner', password: PASSWORD })
    if (done.status === 200) return stormed
    await stormed.close()
    throw new Error(`the owner was not made: ${done.status}`)
  }

  async close(): Promise<void> {
    await this.ostiary.dispose()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Process ids of the children that hash. */
  get children(): number[] {
    const pid = this.ostiary.pid
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  }

  /** A browser at the sign-in form. */
  async form(): Promise<{ agent: UserAgent; page: Page }> {
    const agent = new UserAgent()
    agent.stopAt = (url) => url.startsWith('http://localhost:9/')
    const { url } = await begin(await discover(this.ostiary.issuer))
    return { agent, page: await agent.get(url.href) }
  }

  /** One wrong sign-in, as a robot sends it: the form is one that somebody else opened. */
  async wrong({ agent, page }: { agent: UserAgent; page: Page }, name: string, ip: string): Promise<Refused> {
    const form = page.forms.find(({ action }) => action.includes('/sign-in'))
    if (!form) throw new Error(`no sign-in form on ${page.url}`)
    const url = new URL(form.action, page.url).href
    const began = performance.now()
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: agent.cookieHeader(url), 'x-forwarded-for': ip },
      body: new URLSearchParams({
        ...Object.fromEntries(form.fields),
        identifier: name,
        password: 'this is not the one',
      }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    await response.arrayBuffer()
    const retryAfter = response.headers.get('retry-after')
    return {
      status: response.status,
      retryAfter: retryAfter === null ? undefined : Number(retryAfter),
      milliseconds: performance.now() - began,
    }
  }

  /** What others see while the work goes on. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; seen: Seen }> {
    const before = this.#memory()
    const seen: Seen = { endpoints: {}, worstPoolWait: undefined, memory: { before, most: before } }
    let going = true
    const again = async (once: () => Promise<void> | void) => {
      while (going) {
        await once()
        await sleep(BREATH_MS)
      }
    }
    const basic = `Basic ${Buffer.from(`machine:${RP_SECRET}`).toString('base64')}`
    const token = {
      method: 'POST',
      headers: { authorization: basic },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: API, scope: 'read' }),
    }
    const watching = Promise.all([
      again(() => this.#ask(seen, '/.well-known/openid-configuration')),
      again(() => this.#ask(seen, '/jwks')),
      again(() => this.#ask(seen, '/token', token)),
      again(() => {
        seen.memory.most = Math.max(seen.memory.most, this.#memory())
      }),
    ])
    const began = Date.now()
    try {
      return { result: await work(), seen }
    } finally {
      going = false
      await watching
      seen.worstPoolWait = this.#worstWait(began)
    }
  }

  async #ask(seen: Seen, path: string, init: RequestInit = {}): Promise<void> {
    seen.endpoints[path] ??= { waits: [], failed: [] }
    const { waits, failed } = seen.endpoints[path]
    const began = performance.now()
    try {
      const response = await fetch(this.ostiary.issuer + path, {
        ...init,
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      const text = await response.text()
      if (response.status !== 200) failed.push(`${response.status} ${text.slice(0, 200)}`)
    } catch (error) {
      failed.push(String(error))
    }
    waits.push(performance.now() - began)
  }

  #worstWait(since: number): number | undefined {
    const file = join(this.#folder, 'waits')
    if (!existsSync(file)) return undefined
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const waits = lines.map((line) => line.split(' ').map(Number)).filter(([at = 0]) => at >= since)
    return waits.length === 0 ? undefined : Math.max(...waits.map(([, waited = 0]) => waited))
  }

  /** MiB resident of the process and its children. */
  #memory(): number {
    const kib = [Number(this.ostiary.pid), ...this.children].map((pid) => {
      try {
        return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
      } catch {
        return 0 // ended meanwhile
      }
    })
    return kib.reduce((sum, one) => sum + one, 0) / 1024
  }
}

/** Sorted copy's value at the share, for example 0.99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** One line for people: what others saw. */
export function describeSeen({ endpoints, worstPoolWait, memory }: Seen): string {
  const ms = (value: number) => value.toFixed(0)
  const each = Object.entries(endpoints).map(
    ([path, { waits }]) =>
      `${path} p50 ${ms(quantile(waits, 0.5))} p99 ${ms(quantile(waits, 0.99))} worst ${ms(Math.max(...waits))} ms (${waits.length})`,
  )
  return [
    ...each,
    `libuv's longest wait ${worstPoolWait === undefined ? 'under 5' : ms(worstPoolWait)} ms`,
    `memory ${ms(memory.before)} -> ${ms(memory.most)} MiB`,
  ].join('; ')
}
