/** The nodes of a fault run: the program in production mode, several on one database, killed and started again. */
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChildApp, productionSettings, type Settings } from './child-app.ts'
import { freePort } from './child-service.ts'
import { rawRequest } from './raw-request.ts'
import { publicClient } from './relying-party.ts'

export const ISSUER = 'https://id.example.test'

const BACK_MS = 30_000

export class Nodes {
  readonly #settings: Settings
  readonly #clientsFile: string
  readonly #running: (ChildApp | undefined)[] = []
  #ports: number[] = []
  readonly #errors: string[] = []
  /** errors that were read of each process */
  readonly #known = new WeakMap<ChildApp, number>()

  private constructor(settings: Settings, clientsFile: string) {
    this.#settings = settings
    this.#clientsFile = clientsFile
  }

  /** @param settings at least DATABASE_URL and SMTP_URL */
  static async start(count: number, settings: Settings, clients: object[] = []): Promise<Nodes> {
    const clientsFile = join(tmpdir(), `ostiary-fault-${randomBytes(4).toString('hex')}.json`)
    writeFileSync(clientsFile, JSON.stringify({ clients: [publicClient(), ...clients] }))
    const all = { ISSUER, CLIENTS_FILE: clientsFile, TRUSTED_PROXIES: '127.0.0.1', ...settings }
    const nodes = new Nodes(productionSettings(all), clientsFile)
    try {
      for (let index = 0; index < count; index += 1) nodes.#ports.push(await freePort())
      await Promise.all(nodes.#ports.map((_, index) => nodes.#start(index)))
      return nodes
    } catch (error) {
      await nodes.dispose()
      throw error
    }
  }

  /** what every node was started with: for the command line */
  get settings(): Settings {
    return this.#settings
  }

  get ports(): readonly number[] {
    return this.#ports
  }

  /** `kill -9` of one, started again at once. Answers how long it was away, in milliseconds. */
  async killAndRestart(index: number): Promise<number> {
    const killed = performance.now()
    await this.#retire(index)
    await this.#start(index)
    return performance.now() - killed
  }

  /** Whether one says it is ready. */
  async isReady(index: number): Promise<boolean> {
    const answer = await this.get(index, '/health/ready').catch(() => undefined)
    return answer?.status === 200
  }

  async untilReady(): Promise<number> {
    const started = performance.now()
    while (performance.now() - started < BACK_MS) {
      const ready = await Promise.all(this.#ports.map((_, index) => this.isReady(index)))
      if (ready.every(Boolean)) return performance.now() - started
      await sleep(50)
    }
    throw new Error(`not every node is ready again after ${BACK_MS} ms`)
  }

  get(index: number, path: string, headers: Record<string, string> = {}) {
    const host = new URL(ISSUER).host
    return rawRequest(this.#ports[index] ?? 0, 'GET', path, {
      host,
      'x-forwarded-for': '192.0.2.9',
      ...headers,
    })
  }

  pid(index: number): number {
    return this.#running[index]?.pid ?? 0
  }

  /** What the logs say, and did not when this was asked last, about what must never happen: errors of our own. */
  takeServerErrors(): string[] {
    for (const app of this.#running) if (app) this.#read(app)
    return this.#errors.splice(0)
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#running.map((app) => app?.dispose()))
    rmSync(this.#clientsFile, { force: true })
  }

  #read(app: ChildApp): void {
    const errors = app.lines.filter(
      ({ problem, msg }) => problem === 'server-error' || msg === 'the engine failed',
    )
    for (const { err } of errors.slice(this.#known.get(app) ?? 0))
      this.#errors.push(JSON.stringify(err).slice(0, 1500))
    this.#known.set(app, errors.length)
  }

  async #retire(index: number): Promise<void> {
    const app = this.#running[index]
    if (!app) return
    this.#running[index] = undefined
    await app.dispose()
    this.#read(app)
  }

  async #start(index: number): Promise<void> {
    this.#running[index] = await ChildApp.start({ ...this.#settings, PORT: String(this.#ports[index]) })
    while (!(await this.isReady(index))) await sleep(10)
  }
}
