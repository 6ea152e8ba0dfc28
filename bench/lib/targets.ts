/** Starts what is measured, each in a process of its own, and ends it by its own process id. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Keyring } from '../../src/crypto/keyring.ts'
import { Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { chooseStorage } from '../../src/storage/choose.ts'
import { findPostgres } from '../../test/support/binaries.ts'
import { freePort, type RunningService, startPostgres } from '../../test/support/services.ts'
import { API, API_SCOPE, BROWSER_APP, PERSON, SERVICE } from './clients.ts'
import type { Pids } from './measure.ts'

export interface Target {
  name: string
  issuer: string
  pids: Pids
  stop(): Promise<void>
}

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const READY_MS = 60_000

/** Processes of this run that are not ended yet, for a run that is interrupted. */
const running = new Set<ChildProcess>()

export function stopTargetsNow(): void {
  for (const child of running) child.kill('SIGKILL')
}

function watched<C extends ChildProcess>(child: C): C {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** The product as `npm start` runs it, on a Postgres of its own with fsync on. */
export async function startOstiary(): Promise<Target> {
  if (!findPostgres()) throw new Error('no PostgreSQL server found; "npm test" installs it or says how')
  const postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-bench-'))
  const log = openSync(join(folder, 'log'), 'w')
  try {
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    const key = randomBytes(32)
    const clientsFile = join(folder, 'clients.json')
    writeFileSync(clientsFile, JSON.stringify({ clients: [SERVICE, { ...BROWSER_APP, first_party: true }] }))
    const child = watched(
      spawn(process.execPath, [fromHere('../../src/main.ts')], {
        cwd: folder,
        stdio: ['ignore', log, log],
        env: {
          PATH: process.env.PATH,
          PORT: String(port),
          SAMPLES_PORT: String(await freePort()),
          DATA_DIR: folder,
          DATABASE_URL: postgres.url,
          OSTIARY_SECRET_KEY: key.toString('base64'),
          CLIENTS_FILE: clientsFile,
          RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: [API_SCOPE], tokenTtl: 300 }]),
        },
      }),
    )
    await ready(child, issuer).catch((error: unknown) => {
      throw new Error(`Ostiary did not start:\n${readFileSync(join(folder, 'log'), 'utf8')}`, {
        cause: error,
      })
    })
    await addPerson(postgres.url, key)
    return {
      name: 'Ostiary',
      issuer,
      pids: { app: Number(child.pid), database: postgres.service.pid },
      async stop() {
        await ended(child)
        await clean(postgres, folder, log)
      },
    }
  } catch (error) {
    await clean(postgres, folder, log)
    throw error
  }
}

async function clean(postgres: RunningService, folder: string, log: number): Promise<void> {
  await postgres.stop()
  closeSync(log)
  rmSync(folder, { recursive: true, force: true })
}

/** Somebody with an account, so that the run does not begin with a registration. */
async function addPerson(url: string, key: Buffer): Promise<void> {
  const keyring = new Keyring(key)
  const storage = await chooseStorage({
    database: { kind: 'postgres', url, poolSize: 2 },
    atRest: keyring,
    onError: () => {},
  })
  try {
    const { users } = storage.database
    const { id } = await users.insert({
      id: secureRandom.id('usr'),
      email: PERSON.email,
      emailVerified: true,
      username: undefined,
      profile: { name: 'Bench' },
    })
    await users.setPassword(id, await new Argon2Hasher(keyring).hash(PERSON.password))
  } finally {
    await storage.close()
  }
}

export async function startYardstick(name: string, file: string): Promise<Target> {
  const port = await freePort()
  const child = watched(
    fork(fromHere(`../yardsticks/${file}`), [String(port)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  )
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`${file} ended with code ${code}`)))
  })
  return {
    name,
    issuer: `http://localhost:${port}`,
    pids: { app: Number(child.pid), database: undefined },
    stop: () => ended(child),
  }
}

async function ready(child: ChildProcess, issuer: string): Promise<void> {
  const deadline = Date.now() + READY_MS
  while (child.exitCode === null && Date.now() < deadline) {
    const ok = await fetch(`${issuer}/health/ready`).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return
    await sleep(100)
  }
  child.kill('SIGKILL')
  throw new Error('it is not ready')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(patience)
}
