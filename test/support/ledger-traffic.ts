/**
 * How the ledger client reaches the nodes: straight to their ports under the issuer's name, as a balancing proxy would,
 * at a steady pace. What it owes its caller is one distinction: a refused connection did nothing, an answer that never
 * came (or said 503) may have done everything. A request is tried once more and then given up.
 */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fetch } from './user-agent.ts'

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes, looked at by the ledger
  json: any
}

/** Nobody answered, twice: what the request did is not known. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

export interface TrafficOptions {
  issuer: string
  /** loopback ports of the nodes; read at each request */
  ports: () => readonly number[]
  perSecond: number
}

interface Wire {
  method: string
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/** longer than any answer may take */
const ANSWER_MS = 15_000
/** how long a client looks for a node that takes its connection, and the longest wait it accepts from a 503 */
const PATIENCE_MS = 20_000
const LONGEST_WAIT_MS = 5_000
const NOT_SENT = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL'])

export class Traffic {
  /** answers by "METHOD /path status", first tries and second tries alike */
  readonly answers = new Map<string, number>()
  /** what a client must never be told: a status of 500 or above that is not 503, a 503 without a wait */
  readonly faults: string[] = []
  /** tries, tries that failed (no answer or 503), and requests given up after the second try */
  readonly count = { sent: 0, failed: 0, givenUp: 0 }
  readonly milliseconds: number[] = []
  perSecond: number
  readonly #options: TrafficOptions
  // one connection a request: a pooled one to a process that was killed would fail for no fault of the product's
  readonly #agent = new Agent({ keepAlive: false })
  #nextAt = 0
  #turn = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    this.perSecond = options.perSecond
  }

  get issuer(): string {
    return this.#options.issuer
  }

  /**
   * Sends, and once more after a failure.
   * @param onLost told of a try whose effect is not known
   * @throws Unanswered
   */
  async send(wire: Wire, onLost: () => void): Promise<Reply> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#pace()
      const reply = await this.#try(wire)
      if (reply && reply.status !== 503) return reply
      this.count.failed += 1
      onLost()
      if (attempt === 2) {
        this.count.givenUp += 1
        if (reply) return reply
        throw new Unanswered(`${wire.method} ${wire.path.split('?')[0]}`)
      }
      await sleep(reply ? waitOf(reply) : 100)
    }
  }

  async #pace(): Promise<void> {
    const now = performance.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + 1000 / this.perSecond
    if (at > now) await sleep(at - now)
  }

  /** One try, at whichever node takes the connection. */
  async #try(wire: Wire): Promise<Reply | undefined> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const ports = this.#options.ports()
      for (let node = 0; node < ports.length; node += 1) {
        const port = ports[this.#turn++ % ports.length] as number
        try {
          return await this.#exchange(port, wire)
        } catch (error) {
          if (!NOT_SENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
        }
      }
      if (performance.now() > deadline) return undefined
      await sleep(50)
    }
  }

  async #exchange(port: number, wire: Wire): Promise<Reply> {
    const { body } = wire
    const started = performance.now()
    const { incoming, text } = await new Promise<{ incoming: IncomingMessage; text: string }>(
      (resolve, reject) => {
        const outgoing = request(
          {
            host: '127.0.0.1',
            port,
            method: wire.method,
            path: wire.path,
            agent: this.#agent,
            headers: {
              ...wire.headers,
              host: new URL(this.issuer).host,
              'x-forwarded-proto': 'https',
              ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
            },
          },
          (answer) => {
            let whole = ''
            answer.setEncoding('utf8')
            answer.on('data', (chunk) => {
              whole += chunk
            })
            answer.on('error', reject)
            answer.on('end', () => resolve({ incoming: answer, text: whole }))
          },
        )
        outgoing.setTimeout(ANSWER_MS, () => outgoing.destroy(new Error('no answer in time')))
        outgoing.on('error', reject)
        outgoing.end(body)
      },
    )
    const reply: Reply = {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      text,
      json: /json/.test(incoming.headers['content-type'] ?? '') ? this.#parse(wire, text) : undefined,
    }
    this.#record(wire, reply, performance.now() - started)
    return reply
  }

  #parse({ path }: Wire, text: string): unknown {
    try {
      return text === '' ? undefined : JSON.parse(text)
    } catch {
      this.faults.push(`${path} said it was JSON: ${text.slice(0, 200)}`)
    }
  }

  #record({ method, path }: Wire, { status, headers, text }: Reply, milliseconds: number): void {
    this.count.sent += 1
    this.milliseconds.push(milliseconds)
    const place = path.split('?')[0]?.replace(/\/[\w-]{16,}/g, '/:id')
    const key = `${method} ${place} ${status}`
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1)
    if (status < 500) return
    if (status !== 503) this.faults.push(`${key}: ${readable(text)}`)
    else if (!(Number(headers['retry-after']) > 0)) this.faults.push(`${key} without Retry-After`)
  }
}

/** One person's connection: an address of its own, and how many of its tries vanished. */
export class Line {
  /** tries whose effect is not known */
  lost = 0
  readonly #traffic: Traffic
  readonly #address: string

  constructor(traffic: Traffic, address: string) {
    this.#traffic = traffic
    this.#address = address
  }

  get issuer(): string {
    return this.#traffic.issuer
  }

  send(
    method: string,
    path: string,
    options: { form?: Record<string, string>; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    const { form, headers = {} } = options
    const type = form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}
    const all = { accept: 'application/json', 'x-forwarded-for': this.#address, ...type, ...headers }
    const body = form && new URLSearchParams(form).toString()
    return this.#traffic.send({ method, path, headers: all, body }, () => {
      this.lost += 1
    })
  }

  /** For a `UserAgent`. */
  readonly fetch: Fetch = async (url, init) => {
    const { pathname, search } = new URL(url)
    const headers: Record<string, string> = { ...(init.headers as Record<string, string>) }
    headers['x-forwarded-for'] = this.#address
    const body = init.body ? String(init.body) : undefined
    if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded'
    const wire = { method: init.method ?? 'GET', path: pathname + search, headers, body }
    const reply = await this.#traffic.send(wire, () => {
      this.lost += 1
    })
    if (reply.status === 503) throw new Unanswered(`${wire.method} ${pathname}: 503`)
    const answer = new Headers()
    for (const [name, value] of Object.entries(reply.headers))
      for (const entry of [value ?? []].flat()) answer.append(name, entry)
    const empty = [101, 204, 205, 304].includes(reply.status)
    return new Response(empty ? null : reply.text, { status: reply.status, headers: answer })
  }
}

/** The words of a page or an answer. */
function readable(text: string): string {
  const words = text.replace(/<head>.*<\/head>|<[^>]*>/gs, ' ')
  return words
    .replace(/Request\s+\S+|Time\s+\S+/g, '')
    .replace(/\s+/g, ' ')
    .slice(0, 300)
}

function waitOf({ headers }: Reply): number {
  const seconds = Number(headers['retry-after'])
  return Number.isFinite(seconds) ? Math.min(LONGEST_WAIT_MS, seconds * 1000) : 1000
}
