/** Ostiary as an operator runs it: `node src/main.ts`, production settings, log level and limits as they come. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { owned } from '../../test/support/owned-children.ts'
import { freePort } from '../../test/support/services.ts'
import { SmtpSink } from '../../test/support/smtp-sink.ts'
import { addressOf, browserOf } from './browser.ts'
import { ended, untilReady } from './children.ts'
import { ADMINISTRATOR, API, API_SCOPE, BROWSER_APP, FOREIGN_APP, type Person, SERVICE } from './clients.ts'
import type { Cluster } from './cluster.ts'
import type { Database } from './database.ts'
import { type Address, Connection } from './http.ts'
import type { Watched } from './measure.ts'

/** as `npm start` does */
const AS_STARTED = ['--max-semi-space-size=8']
const HERE = fileURLToPath(new URL('../..', import.meta.url))
const SETUP_MS = 30_000

export interface ProductOptions {
  /** none: the embedded database, which runs in evaluation mode only */
  cluster: Cluster | undefined
  /** of its database */
  name: string
  /** the checkout that is run; this one unless given */
  folder?: string | undefined
  flags?: readonly string[]
  /** people with accounts beside the administrator */
  people?: number
}

export class Product {
  readonly address: Address
  /** undefined: embedded */
  readonly database: Database | undefined
  readonly #options: ProductOptions
  readonly #data: string
  readonly #env: Record<string, string>
  readonly #mails: SmtpSink
  #log = 0
  #child: ReturnType<typeof spawn> | undefined

  private constructor(
    options: ProductOptions,
    parts: {
      address: Address
      database: Database | undefined
      env: Record<string, string>
      data: string
      mails: SmtpSink
    },
  ) {
    this.#options = options
    this.address = parts.address
    this.database = parts.database
    this.#env = parts.env
    this.#data = parts.data
    this.#mails = parts.mails
  }

  /** A new installation, set up, with its people; ready. */
  static async start(options: ProductOptions): Promise<Product> {
    const { cluster, name, people = 0 } = options
    const data = mkdtempSync(join(tmpdir(), 'ostiary-bench-'))
    const mails = await new SmtpSink().start()
    const database = await cluster?.newDatabase(name)
    const port = await freePort()
    const issuer = cluster ? 'https://id.bench.example' : `http://localhost:${port}`
    const clients = [SERVICE, { ...BROWSER_APP, first_party: true }, FOREIGN_APP]
    writeFileSync(join(data, 'clients.json'), JSON.stringify({ clients }))
    const env: Record<string, string> = {
      PATH: process.env.PATH ?? '',
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: join(data, 'data'),
      // The load comes as a reverse proxy passes it on.
      TRUSTED_PROXIES: '127.0.0.1',
      CLIENTS_FILE: join(data, 'clients.json'),
      OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
      RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: [API_SCOPE], tokenTtl: 300 }]),
      ...(database
        ? {
            ISSUER: issuer,
            DATABASE_URL: database.url,
            SMTP_URL: mails.url,
            MAIL_FROM: 'bench@bench.example',
          }
        : { SAMPLES_PORT: String(await freePort()) }),
      ...(cluster?.redisUrl ? { REDIS_URL: cluster.redisUrl } : {}),
    }
    const product = new Product(options, { address: { port, issuer }, database, env, data, mails })
    try {
      await product.run()
      await product.#setUp()
      if (people > 0) await database?.addPeople(1, people)
      return product
    } catch (error) {
      const said = product.log.slice(-4000)
      await product.stop()
      throw new Error(`Ostiary could not be started:\n${said}`, { cause: error })
    }
  }

  /** What `measure` watches while it runs. */
  get watched(): Watched {
    const { database } = this
    return {
      app: Number(this.#child?.pid),
      stores: this.#options.cluster?.pids ?? [],
      written: database && (() => database.written()),
    }
  }

  get log(): string {
    return this.#log === 0 ? '' : readFileSync(join(this.#data, 'log'), 'utf8')
  }

  /** The one at a worker's browser; the embedded product has nobody but the administrator. */
  person(number: number): Person {
    const { people = 0 } = this.#options
    if (people === 0) return ADMINISTRATOR
    return { email: `p${1 + (number % people)}@bench.example`, password: ADMINISTRATOR.password }
  }

  /** Starts the process; its data is there from before. @returns milliseconds until it was ready */
  async run(extra: readonly string[] = []): Promise<number> {
    const { flags = [], folder } = this.#options
    this.#log ||= openSync(join(this.#data, 'log'), 'a')
    const started = ['src/start.mjs', 'src/main.ts'].map((file) => resolve(folder ?? HERE, file))
    const main = started.find((file) => existsSync(file)) as string
    const child = spawn(process.execPath, [...AS_STARTED, ...flags, ...extra, main], {
      cwd: this.#data,
      stdio: ['ignore', this.#log, this.#log],
      env: this.#env,
    })
    this.#child = owned(child)
    return await untilReady(child, `http://127.0.0.1:${this.address.port}/health/ready`)
  }

  /** Ends the process and keeps its data. */
  async end(): Promise<void> {
    if (this.#child) await ended(this.#child)
  }

  async stop(): Promise<void> {
    await this.end()
    await this.#mails.stop()
    if (this.#log !== 0) closeSync(this.#log)
    rmSync(this.#data, { recursive: true, force: true })
  }

  /** The administrator, by the link an operator gets. */
  async #setUp(): Promise<void> {
    const link = this.database
      ? await this.#setupLink()
      : /Administrator\s+(\S+)/.exec(await this.#welcome())?.[1]
    if (link === undefined) throw new Error('there is no setup link')
    const connection = new Connection(this.address, 1)
    try {
      const agent = browserOf(connection, addressOf(0))
      const page = await agent.submit(await agent.get(link), { ...ADMINISTRATOR, name: 'Bench' }, '/setup/')
      if (page.status !== 200) throw new Error(`the setup answered ${page.status}`)
    } finally {
      connection.close()
    }
  }

  /** The welcome comes a moment after the server is ready. */
  async #welcome(): Promise<string> {
    for (let tries = 0; tries < 100 && !this.log.includes('Stop with'); tries += 1)
      await new Promise((wait) => setTimeout(wait, 50))
    return this.log
  }

  /** `ostiary setup-link` */
  async #setupLink(): Promise<string | undefined> {
    const cli = resolve(this.#options.folder ?? HERE, 'src/cli/ostiary.ts')
    const child = owned(
      spawn(process.execPath, [cli, 'setup-link'], {
        cwd: this.#data,
        env: this.#env,
        stdio: ['ignore', 'pipe', this.#log],
      }),
    )
    const timer = setTimeout(() => child.kill('SIGKILL'), SETUP_MS)
    const chunks: Buffer[] = []
    for await (const chunk of child.stdout ?? []) chunks.push(chunk as Buffer)
    clearTimeout(timer)
    return /^https?:\S+\/setup\/\S+$/m.exec(Buffer.concat(chunks).toString('utf8'))?.[0]
  }
}
