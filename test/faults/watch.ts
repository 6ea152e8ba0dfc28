/**
 * Looks at one node all the time from the outside: what needs no store must be answered at once whatever happens,
 * what needs one must be answered rightly or refused soon, with a wait.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { ISSUER } from '../support/ledger-nodes.ts'
import { type RawAnswer, rawRequest } from '../support/raw-request.ts'
import { RP_SECRET, webClient } from '../support/relying-party.ts'

/** For the clients file: gets tokens for itself, which is a write and nothing else. */
export const MACHINE = webClient({
  client_id: 'machine',
  redirect_uris: [],
  post_logout_redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
})

const EVERY_MS = 100
/** answers waited for at once, of each probe; beyond that they pile up and that is told */
const MOST = 400

interface Seen {
  /** since the watch began */
  at: number
  milliseconds: number
  status: number
  retryAfter: number
  /** the beginning of what was neither right nor a refusal */
  text: string
}

export type Probe = 'discovery' | 'jwks' | 'write'

const WANTED: Record<Probe, number> = { discovery: 200, jwks: 200, write: 200 }

export class Watch {
  readonly seen: Record<Probe, Seen[]> = { discovery: [], jwks: [], write: [] }
  /** answers waited for at once, at most */
  busiest = 0
  readonly #port: () => number
  readonly #every: number
  readonly #began = performance.now()
  readonly #waiting = new Set<Promise<void>>()
  #going = true
  readonly #loop: Promise<void>

  /** @param every milliseconds from one round of probes to the next */
  constructor(port: () => number, every = EVERY_MS) {
    this.#port = port
    this.#every = every
    this.#loop = this.#run()
  }

  /** Milliseconds since the beginning: what `since` means. */
  get now(): number {
    return performance.now() - this.#began
  }

  async stop(): Promise<this> {
    this.#going = false
    await this.#loop
    await Promise.all(this.#waiting)
    return this
  }

  /** Milliseconds from a moment until writes are taken again. Fails when they are not in time. */
  async recovered(since: number, within: number): Promise<number> {
    for (;;) {
      const good = this.seen.write.find(
        ({ at, milliseconds, status }) => status === 200 && at + milliseconds > since,
      )
      if (good) return Math.max(0, good.at + good.milliseconds - since)
      expect(this.now - since, 'milliseconds without a write').to.be.below(within)
      await sleep(20)
    }
  }

  /** Waits that a caller had, of one probe, those sent since a moment. */
  waits(probe: Probe, since = 0): number[] {
    const found = this.seen[probe].filter(({ at }) => at >= since)
    return found.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  }

  /** Writes that were refused since a moment. */
  refused(since = 0): number {
    return this.seen.write.filter(({ at, status }) => at >= since && status === 503).length
  }

  /** Every answer so far was right, or (for the write) 503 with a wait; and soon. */
  expectSound({ refusedWithin, cachedWithin }: { refusedWithin: number; cachedWithin: number }): void {
    for (const [probe, answers] of Object.entries(this.seen) as [Probe, Seen[]][]) {
      const allowed = probe === 'write' ? [WANTED[probe], 503] : [WANTED[probe]]
      expectNone(
        `${probe}: neither ${allowed.join(' nor ')} (0 is no answer)`,
        answers.filter(({ status }) => !allowed.includes(status)),
      )
      expectNone(
        `${probe}: 503 without Retry-After`,
        answers.filter(({ status, retryAfter }) => status === 503 && !(retryAfter > 0)),
      )
    }
    const slow = this.seen.write.filter(({ milliseconds }) => milliseconds > refusedWithin)
    expectNone(`answers later than ${refusedWithin} ms`, slow)
    expect(this.busiest, 'answers waited for at once: they pile up').to.be.below(MOST)
    for (const probe of ['discovery', 'jwks'] as const)
      expect(quantile(this.waits(probe), 0.99), `${probe}: p99 in ms`).to.be.below(cachedWithin)
  }

  /** One line of figures. */
  summary(since = 0): string {
    const writes = this.seen.write.filter(({ at }) => at >= since)
    const refused = writes.filter(({ status }) => status === 503)
    const slowest = Math.max(0, ...refused.map(({ milliseconds }) => milliseconds))
    const cached = [...this.waits('discovery', since), ...this.waits('jwks', since)].sort((a, b) => a - b)
    return (
      `${writes.length} writes, ${refused.length} refused (slowest refusal ${slowest.toFixed(0)} ms), ` +
      `write median ${quantile(this.waits('write', since), 0.5).toFixed(0)} ms, cached p99 ${quantile(cached, 0.99).toFixed(0)} ms, at most ${this.busiest} waiting`
    )
  }

  async #run(): Promise<void> {
    while (this.#going) {
      for (const probe of Object.keys(this.seen) as Probe[]) this.#look(probe)
      this.busiest = Math.max(this.busiest, this.#waiting.size)
      await sleep(this.#every)
    }
  }

  #look(probe: Probe): void {
    // Enough is seen, and our own sockets are bounded too; `expectSound` says it.
    if (this.#waiting.size >= MOST) return
    const at = this.now
    const look = this.#ask(probe)
      .then(({ status, headers, text }) => {
        const odd = ![WANTED[probe], 503].includes(status)
        return { status, retryAfter: Number(headers['retry-after']), text: odd ? text.slice(0, 300) : '' }
      })
      .catch((error: Error) => ({ status: 0, retryAfter: 0, text: String(error) }))
      .then((answer) => {
        this.seen[probe].push({ at, milliseconds: this.now - at, ...answer })
        this.#waiting.delete(look)
      })
    this.#waiting.add(look)
  }

  #ask(probe: Probe): Promise<RawAnswer> {
    const headers: Record<string, string> = { host: new URL(ISSUER).host, accept: 'application/json' }
    if (probe === 'discovery')
      return rawRequest(this.#port(), 'GET', '/.well-known/openid-configuration', headers)
    if (probe === 'jwks') return rawRequest(this.#port(), 'GET', '/jwks', headers)
    const authorization = `Basic ${Buffer.from(`machine:${RP_SECRET}`).toString('base64')}`
    const body = 'grant_type=client_credentials'
    const type = 'application/x-www-form-urlencoded'
    return rawRequest(
      this.#port(),
      'POST',
      '/token',
      { ...headers, authorization, 'content-type': type, 'content-length': String(body.length) },
      body,
    )
  }
}

function expectNone(what: string, found: Seen[]): void {
  if (found.length > 0) expect.fail(`${what}: ${found.length}, such as ${JSON.stringify(found.slice(0, 3))}`)
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
