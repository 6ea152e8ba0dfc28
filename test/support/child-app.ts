/**
 * `node src/main.ts` with exactly the settings given: for starts that fail, for production mode behind a proxy, for
 * several processes on one database. (`ostiary-process.ts` is the newcomer's start in evaluation mode.)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './child-service.ts'
import { owned } from './owned-children.ts'

const MAIN = fileURLToPath(new URL('../../src/start.mjs', import.meta.url))
const READY_MS = 60_000
const EXIT_MS = 45_000
const START_TRIES = 3

export type Settings = Record<string, string>

/** What production needs beside a database and a mail server; hashing as cheap as the floor allows. */
export function productionSettings(more: Settings): Settings {
  return {
    ISSUER: 'https://id.example.test',
    HOST: '127.0.0.1',
    MAIL_FROM: 'Ostiary <no-reply@example.test>',
    SMTP_URL: 'smtp://127.0.0.1:1',
    OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
    ARGON2_MEMORY_KIB: '19456',
    DRAIN_DELAY_SECONDS: '0',
    DRAIN_SECONDS: '10',
    ...more,
  }
}

export class ChildApp {
  readonly folder: string
  readonly #child: ChildProcess
  readonly #ownsFolder: boolean
  #exit: number | NodeJS.Signals | undefined
  stdout = ''
  stderr = ''
  port = 0

  /** @param folder working directory; one of its own, removed by `dispose`, unless given */
  constructor(settings: Settings, folder?: string) {
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'ostiary-child-'))
    this.#ownsFolder = folder === undefined
    this.port = Number(settings.PORT ?? 3000)
    this.#child = spawn(process.execPath, [MAIN], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    owned(this.#child)
    this.#child.stdout?.on('data', (chunk) => {
      this.stdout += chunk
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    // `close` and not `exit`: its last lines are in
    this.#child.once('close', (code, signal) => {
      this.#exit = code ?? signal ?? 1
    })
  }

  /** A free port of its own, and waits until it serves. */
  static async start(settings: Settings, folder?: string): Promise<ChildApp> {
    for (let attempt = 1; ; attempt += 1) {
      const port = settings.PORT ?? String(await freePort())
      const samples = settings.ISSUER
        ? {}
        : { SAMPLES_PORT: settings.SAMPLES_PORT ?? String(await freePort()) }
      const app = new ChildApp({ PORT: port, ...samples, ...settings }, folder)
      try {
        await app.ready()
        return app
      } catch (error) {
        await app.dispose()
        // Somebody else of this machine was quicker; a port that the test chose is the test's affair.
        const taken = app.stderr.includes('is in use by another program') && settings.PORT === undefined
        if (!taken || attempt === START_TRIES) throw error
      }
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** log lines so far */
  get lines(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  }

  async until(what: string, holds: () => boolean | Promise<boolean>, patience = READY_MS): Promise<void> {
    const deadline = Date.now() + patience
    while (Date.now() < deadline) {
      if (await holds()) return
      if (this.#exit !== undefined && !(await holds())) break
      await sleep(20)
    }
    throw new Error(`never happened: ${what}\n${this.stderr}\n${this.stdout.slice(-4000)}`)
  }

  ready(): Promise<void> {
    return this.until('ready', () => this.lines.some(({ msg }) => msg === 'ready'))
  }

  /** Exit code, or the signal that ended it. */
  async exited(): Promise<number | NodeJS.Signals> {
    await this.until('the process ends', () => this.#exit !== undefined, EXIT_MS)
    return this.#exit as number | NodeJS.Signals
  }

  signal(name: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited()
  }

  async dispose(): Promise<void> {
    await this.kill()
    if (this.#ownsFolder) rmSync(this.folder, { recursive: true, force: true })
  }
}
