/**
 * The program itself: `node src/main.ts` as a newcomer starts it, in evaluation mode, with ports and a data folder of
 * its own. Stopped by its own process id; its data stays for the next `start` until `dispose`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './child-service.ts'
import { owned } from './owned-children.ts'

export interface ProcessOptions {
  /** settings beside ports and data folder */
  settings?: Record<string, string>
  /** clients declared beside the sample apps */
  clients?: readonly object[]
}

const MAIN = fileURLToPath(new URL('../../src/start.mjs', import.meta.url))
const READY_MS = 60_000
const STOP_MS = 40_000
const START_TRIES = 3
const LOG_LIMIT = 256 * 1024

export class OstiaryProcess {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ostiary-journey-'))
  readonly #options: ProcessOptions
  #child: ChildProcess | undefined
  #exit: Promise<number | NodeJS.Signals> | undefined
  #log = ''
  #port = 0
  #samplesPort = 0

  constructor(options: ProcessOptions = {}) {
    this.#options = options
  }

  static async start(options: ProcessOptions = {}): Promise<OstiaryProcess> {
    const ostiary = new OstiaryProcess(options)
    try {
      await ostiary.start()
      return ostiary
    } catch (error) {
      await ostiary.dispose()
      throw error
    }
  }

  get issuer(): string {
    return `http://localhost:${this.#port}`
  }

  get samples(): string {
    return `http://localhost:${this.#samplesPort}`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The end of what it wrote, both streams. */
  get log(): string {
    return this.#log
  }

  /** The one-time link for the first administrator, as the terminal shows it. */
  get setupUrl(): string | undefined {
    return /Administrator\s+(\S+)/.exec(this.#log)?.[1]
  }

  /** Starts it and waits for its ready line and its health; after `stop` or `kill` on the same ports and data. */
  async start(): Promise<void> {
    const again = this.#port !== 0
    for (let attempt = 1; ; attempt += 1) {
      if (!again) [this.#port, this.#samplesPort] = await twoFreePorts()
      this.#spawn()
      const ready = await this.#untilReady()
      if (ready) return
      const taken = this.#log.includes('is in use by another program')
      await this.kill()
      if (again || !taken || attempt === START_TRIES) throw new Error(`Ostiary did not start:\n${this.#log}`)
    }
  }

  /** SIGTERM, as an operator stops it. Rejects unless it ends by itself with code 0. */
  async stop(): Promise<void> {
    if (!this.#child || !this.#exit) return
    this.#child.kill('SIGTERM')
    const patience = new AbortController()
    const outcome = await Promise.race([
      this.#exit,
      sleep(STOP_MS, 'nothing' as const, { signal: patience.signal }),
    ])
    patience.abort()
    if (outcome === 0) return
    await this.kill()
    throw new Error(`SIGTERM led to ${outcome}, not to exit code 0:\n${this.#log.slice(-4000)}`)
  }

  /** `kill -9`: the crash. Its data stays. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#exit
  }

  /** Ends it and removes its data. */
  async dispose(): Promise<void> {
    try {
      await this.stop()
    } finally {
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }

  #spawn(): void {
    const { settings = {}, clients } = this.#options
    const clientsFile = join(this.#folder, 'clients.json')
    if (clients) writeFileSync(clientsFile, JSON.stringify({ clients }))
    const child = spawn(process.execPath, [MAIN], {
      // away from the source tree, so that nobody's `config/` or `data/` there has a say
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH,
        PORT: String(this.#port),
        SAMPLES_PORT: String(this.#samplesPort),
        DATA_DIR: join(this.#folder, 'data'),
        ...(clients ? { CLIENTS_FILE: clientsFile } : {}),
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    owned(child)
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString('utf8')).slice(-LOG_LIMIT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#log = ''
    this.#child = child
    this.#exit = new Promise((resolve) => {
      const gone = (outcome: number | NodeJS.Signals) => {
        if (this.#child === child) this.#child = undefined
        resolve(outcome)
      }
      child.once('error', (error) => {
        this.#log += String(error)
        gone(1)
      })
      // `close` and not `exit`: the last lines of the log are in
      child.once('close', (code, signal) => gone(code ?? signal ?? 1))
    })
  }

  async #untilReady(): Promise<boolean> {
    const deadline = Date.now() + READY_MS
    while (this.#child && Date.now() < deadline) {
      // the welcome is the last thing a start writes
      if (this.#log.includes('Stop with Ctrl+C') && (await this.#isHealthy())) return true
      await sleep(50)
    }
    return false
  }

  async #isHealthy(): Promise<boolean> {
    try {
      const answers = await Promise.all([fetch(`${this.issuer}/health/ready`), fetch(this.samples)])
      return answers.every(({ ok }) => ok)
    } catch {
      return false
    }
  }
}

async function twoFreePorts(): Promise<[number, number]> {
  const first = await freePort()
  for (;;) {
    const second = await freePort()
    if (second !== first) return [first, second]
  }
}
