/**
 * One server process that a test owns: started on a free loopback port, ended by its own process id, its folder
 * removed. Faults are done to it on purpose: `kill` is `kill -9`, `pause` is a machine that hangs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ServiceDefinition {
  name: string
  command: string
  args(port: number): string[]
  /** user and group to run as, where the server refuses to be root */
  uid?: number | undefined
  gid?: number | undefined
  /** its folder; removed by `stop` */
  folder: string
  /** the signal that ends it in order */
  stopSignal: NodeJS.Signals
  /** resolves when it answers, rejects when it does not (yet) */
  probe(port: number): Promise<void>
}

const READY_MS = 30_000
const STOP_MS = 10_000
const LOG_LIMIT = 64 * 1024

/** Below those that systems lend to outgoing connections, one of which would else take it before we do. */
const PORTS = { from: 12_000, to: 32_000 }

/** A loopback port nobody listens on now. Another process may take it before we do, so starting tries again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Direct children; Postgres' backends outlive a killed postmaster for a moment and hold its shared memory. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.trim().split(/\s+/).filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // already gone
  }
}

export class ChildService {
  readonly #definition: ServiceDefinition
  #child: ChildProcess | undefined
  #port = 0
  #log = ''

  constructor(definition: ServiceDefinition) {
    this.#definition = definition
  }

  get port(): number {
    return this.#port
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** The end of what the server wrote. */
  get log(): string {
    return this.#log
  }

  /** Starts it; after `kill` or `end` on the same port and with the same data. */
  async start(): Promise<void> {
    if (this.#child) return
    const fixed = this.#port !== 0
    const deadline = Date.now() + READY_MS
    for (let attempt = 1; ; attempt += 1) {
      if (!fixed) this.#port = await freePort()
      if (await this.#attempt(deadline)) return
      await this.kill()
      if ((!fixed && attempt >= 3) || Date.now() > deadline) {
        throw new Error(`${this.#definition.name} did not start:\n${this.#log.slice(-4000)}`)
      }
      await sleep(100)
    }
  }

  /** Ends it in order; its data stays for `start`. */
  async end(): Promise<void> {
    const child = this.#child
    if (!child?.pid) return
    signal(child.pid, 'SIGCONT')
    signal(child.pid, this.#definition.stopSignal)
    const patience = AbortSignal.timeout(STOP_MS)
    while (this.#child === child && !patience.aborted) await sleep(20)
    await this.kill()
  }

  /** `kill -9` of the process and its children: the crash. Its data stays. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child?.pid) return
    const pids = [child.pid, ...childrenOf(child.pid)]
    for (const pid of pids) signal(pid, 'SIGKILL')
    while (this.#child === child) await sleep(10)
  }

  /** Stops it from answering without closing anything (SIGSTOP): the worst kind of outage. */
  pause(): void {
    this.#each('SIGSTOP')
  }

  resume(): void {
    this.#each('SIGCONT')
  }

  /** Ends it in order and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.end()
    await this.start()
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.end()
    rmSync(this.#definition.folder, { recursive: true, force: true })
  }

  /** For the moment the whole run is being torn down and nothing can be awaited. */
  stopNow(): void {
    if (this.#child?.pid) {
      for (const pid of [this.#child.pid, ...childrenOf(this.#child.pid)]) signal(pid, 'SIGKILL')
    }
    rmSync(this.#definition.folder, { recursive: true, force: true })
  }

  #each(name: NodeJS.Signals): void {
    if (!this.#child?.pid) return
    for (const pid of [this.#child.pid, ...childrenOf(this.#child.pid)]) signal(pid, name)
  }

  async #attempt(deadline: number): Promise<boolean> {
    const child = this.#spawn()
    while (Date.now() < deadline) {
      if (this.#child !== child) return false
      try {
        await this.#definition.probe(this.#port)
        return true
      } catch {
        await sleep(50)
      }
    }
    return false
  }

  #spawn(): ChildProcess {
    const { command, args, uid, gid, folder } = this.#definition
    const child = spawn(command, args(this.#port), {
      cwd: folder,
      // its own process group: Ctrl-C reaches us alone, and we end it in order
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    const gone = (): void => {
      if (this.#child === child) this.#child = undefined
    }
    const keep = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString('utf8')).slice(-LOG_LIMIT)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('exit', gone)
    child.once('error', (error) => {
      this.#log += String(error)
      gone()
    })
    this.#child = child
    return child
  }
}
