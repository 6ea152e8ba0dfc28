/**
 * What is measured, for Prometheus: counters and times with few labels of few values each. No name, address, client id
 * or path parameter is ever a label: they would be personal, and without end.
 */
import { freemem, loadavg, totalmem } from 'node:os'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What stands at a moment, asked for when somebody looks. */
export interface Standing {
  hashing: () => { waiting: number; busy: number }
  /** by kind of work */
  outbox: () => Promise<Record<string, { waiting: number; dead: number }>>
  /** by kind of work: seconds that what is due longest is late */
  outboxLag: () => Promise<Record<string, number>>
  dependencies: () => Promise<Record<string, { state: string; breaker?: string }>>
  /** hosts of others that we leave alone for a while, or are about to try again */
  outbound: () => { open: number; 'half-open': number }
  /** undefined: there is no pool */
  pool: () => { open: number; idle: number; waiting: number } | undefined
}

const BREAKER_STATES = ['closed', 'half-open', 'open']
/** There from the start: what is not there cannot be compared with, and a rule about it stays silent. */
const SIGN_INS = ['proven', 'invalid_credentials', 'throttled', 'busy']
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Histogram<'route' | 'method' | 'status'>
  readonly #signIns: Counter<'result'>
  readonly #tokens: Counter<'kind'>
  readonly #operations: Histogram<'operation' | 'outcome'>
  readonly #work: Histogram<'kind' | 'operation' | 'outcome'>
  readonly #spansLost: Counter<'reason'>

  /** @param worker tells processes apart that answer at one address */
  constructor(standing: Standing, { worker, version }: { worker: string; version: string }) {
    const registers = [this.#registry]
    this.#registry.setDefaultLabels({ worker })
    collectDefaultMetrics({ register: this.#registry })
    this.#requests = new Histogram({
      name: 'ostiary_request_seconds',
      help: 'Time from the first byte of a request to its answer, by route and class of status',
      labelNames: ['route', 'method', 'status'],
      buckets: SECONDS,
      registers,
    })
    this.#signIns = new Counter({
      name: 'ostiary_sign_ins_total',
      help: 'Passwords that were tried, by how it ended',
      labelNames: ['result'],
      registers,
    })
    this.#tokens = new Counter({
      name: 'ostiary_tokens_total',
      help: 'Tokens and codes that were issued, by kind',
      labelNames: ['kind'],
      registers,
    })
    this.#operations = new Histogram({
      name: 'ostiary_engine_seconds',
      help: 'Time of the operations of the protocol engine, by how they ended: ok, or the code of the error',
      labelNames: ['operation', 'outcome'],
      buckets: SECONDS,
      registers,
    })
    this.#work = new Histogram({
      name: 'ostiary_work_seconds',
      help: 'Time of statements, units of work, Redis, password hashes (with their queue), calls to others and mails',
      labelNames: ['kind', 'operation', 'outcome'],
      buckets: [0.001, ...SECONDS],
      registers,
    })
    this.#spansLost = new Counter({
      name: 'ostiary_trace_spans_lost_total',
      help: 'Spans that reached no collector: the queue was full, or it did not take them',
      labelNames: ['reason'],
      registers,
    })
    for (const result of SIGN_INS) this.#signIns.inc({ result }, 0)
    for (const reason of ['full', 'collector']) this.#spansLost.inc({ reason }, 0)
    watch(standing, registers)
    watchMachine(version, registers)
  }

  request(route: string, method: string, status: number, seconds: number): void {
    this.#requests.observe({ route, method, status: `${Math.floor(status / 100)}xx` }, seconds)
  }

  signIn(result: string): void {
    this.#signIns.inc({ result })
  }

  token(kind: string): void {
    this.#tokens.inc({ kind })
  }

  /** of the engine */
  readonly operation = (operation: string, outcome: string, seconds: number): void => {
    this.#operations.observe({ operation, outcome }, seconds)
  }

  /** of anything else that requests wait for */
  readonly work = (kind: string, operation: string, outcome: string, seconds: number): void => {
    this.#work.observe({ kind, operation, outcome }, seconds)
  }

  readonly spansLost = (count: number, reason: 'full' | 'collector'): void => {
    this.#spansLost.inc({ reason }, count)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Prometheus' text format. What cannot be asked now is left out, so that the rest is still seen. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Stops what measures in the background. */
  close(): void {
    this.#registry.clear()
  }
}

function watch(
  { hashing, outbox, outboxLag, outbound, dependencies, pool }: Standing,
  registers: Registry[],
): void {
  gauge('ostiary_hashing', 'Password hashes at work and waiting', registers, hashing)
  new Gauge({
    name: 'ostiary_outbox',
    help: 'Mails and notices to applications that wait, and dead letters',
    labelNames: ['kind', 'state'],
    registers,
    async collect() {
      this.reset()
      for (const [kind, counts] of Object.entries(await outbox().catch(() => ({}))))
        for (const [state, count] of Object.entries(counts)) this.set({ kind, state }, count)
    },
  })
  new Gauge({
    name: 'ostiary_outbox_lag_seconds',
    help: 'How late the mail or notice is that is due longest',
    labelNames: ['kind'],
    registers,
    async collect() {
      this.reset()
      for (const [kind, seconds] of Object.entries(await outboxLag().catch(() => ({}))))
        this.set({ kind }, seconds)
    },
  })
  gauge('ostiary_outbound_hosts', 'Hosts of others whose breaker is open or half-open', registers, outbound)
  gauge('ostiary_database_connections', 'Connections to the database', registers, async () => pool() ?? {})
  new Gauge({
    name: 'ostiary_up',
    help: '1: the dependency answers; 0: it does not',
    labelNames: ['dependency'],
    registers,
    async collect() {
      this.reset()
      for (const [dependency, { state }] of Object.entries(await dependencies().catch(() => ({}))))
        this.set({ dependency }, state === 'up' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'ostiary_breaker',
    help: '1 for the state that the breaker of a dependency is in',
    labelNames: ['dependency', 'state'],
    registers,
    async collect() {
      this.reset()
      const all: [string, { breaker?: string }][] = Object.entries(await dependencies().catch(() => ({})))
      for (const [dependency, { breaker }] of all)
        for (const state of breaker === undefined ? [] : BREAKER_STATES)
          this.set({ dependency, state }, state === breaker ? 1 : 0)
    },
  })
}

/** What the process shares with others, and which program it is. */
function watchMachine(version: string, registers: Registry[]): void {
  new Gauge({
    name: 'ostiary_build_info',
    help: '1; the version is in the label',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1)
  new Gauge({
    ...{ name: 'ostiary_system_load', help: 'Load of the machine over one minute', registers },
    collect() {
      this.set(loadavg()[0] ?? 0)
    },
  })
  new Gauge({
    name: 'ostiary_system_memory_bytes',
    help: 'Memory of the machine',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'total' }, totalmem())
      this.set({ state: 'free' }, freemem())
    },
  })
}

function gauge(
  name: string,
  help: string,
  registers: Registry[],
  read: () => Record<string, number> | Promise<Record<string, number>>,
): void {
  new Gauge({
    ...{ name, help, registers, labelNames: ['state'] },
    async collect() {
      this.reset()
      try {
        for (const [state, value] of Object.entries(await read())) this.set({ state }, value)
      } catch {
        // Away: nothing is said about it, and `ostiary_up` says why.
      }
    },
  })
}
