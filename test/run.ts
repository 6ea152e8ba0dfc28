/**
 * `npm test`: brings up PostgreSQL and Redis, runs every test against them, ends them again.
 * Arguments go to mocha: files, `--grep words`, `--bail`. The last line is always `N passed, N failed`.
 * Everything at once runs in two lanes side by side, each with services of its own; the second one's words come when both
 * have ended. A third was tried: on two cores it makes nothing sooner, and what looks at faults in time goes wrong more often.
 *
 * `npm run test:faults` (`--faults`) runs the fault and race tests alone, each in its long form (test/support/faults.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findChromium } from './support/binaries.ts'
import { ensureServices } from './support/install-services.ts'
import { startPostgres, startRedis } from './support/services.ts'

interface Result {
  passed: number
  failed: number
  /** what was not shown as it came */
  words?: string
}

const FAILED: Result = { passed: 0, failed: 1 }

const ALL = 'test/**/*.test.ts'
const FAULTS = ['test/faults/**/*.test.ts', 'test/races/**/*.test.ts']
/** These mostly wait, for clocks or for processes; beside them the others have a core for themselves. */
const WAITING = [
  ...['faults', 'races', 'boot', 'jobs', 'storage', 'journeys'],
  ...['cli', 'backup', 'declarative'],
].map((name) => `test/${name}/**/*.test.ts`)
/** for a long form that names no time of its own */
const LONG_MS = '3600000'

/** Everything that a run keeps, and the temporary folder of its tests: what one leaves behind goes with it. */
const folder = mkdtempSync(join(tmpdir(), 'ostiary-test-'))
// Postgres runs as another user than root, and its folder is in here.
chmodSync(folder, 0o711)
process.env.TMPDIR = folder
const running = new Set<ChildProcess>()
let interrupted: NodeJS.Signals | undefined

function readResult(file: string, exitCode: number): Result {
  let counts: { passes: number; failures: number }
  try {
    counts = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    console.error('mocha ended without a result')
    return FAILED
  }
  const ran = counts.passes + counts.failures
  if (ran === 0) console.error('no test was executed')
  // mocha may fail after its last test (a leaked error, an unhandled rejection): that is a failure too
  const failed = counts.failures > 0 ? counts.failures : exitCode !== 0 || ran === 0 ? 1 : 0
  return { passed: counts.passes, failed }
}

interface Lane {
  /** mocha's, before those that every lane has */
  args: string[]
  env: Record<string, string>
  /** shown as it comes, or when it is over */
  live: boolean
}

/** What to run in which lane: what was asked for in one; everything in two, of which none skips or singles out. */
function lanesOf(asked: readonly string[]): Lane[] {
  const faults = asked.includes('--faults')
  const own = asked.filter((argument) => argument !== '--faults')
  if (faults || own.length > 0) {
    const namesFiles = own.some((argument) => argument.endsWith('.ts'))
    const files = namesFiles ? [] : faults ? FAULTS : [ALL]
    return [{ args: [...own, ...files], env: faults ? { FAULTS: 'long' } : {}, live: true }]
  }
  const whole = ['--forbid-only', '--forbid-pending']
  const others = [...WAITING.flatMap((files) => ['--ignore', files]), ALL]
  return [WAITING, others].map((files, index) => ({
    args: [...whole, ...files],
    env: {},
    live: index === 0,
  }))
}

async function runMocha(lane: Lane, env: Record<string, string>): Promise<Result> {
  const [resultFile, wordsFile] = ['result', 'words'].map((name) =>
    join(folder, `${name}-${randomUUID()}`),
  ) as [string, string]
  const bin = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js')
  const timeout = lane.env.FAULTS === 'long' ? LONG_MS : '60000'
  const args = [
    ...['--no-config', '--exit', '--extension', 'ts', '--timeout', timeout],
    ...['--require', './test/setup.ts', '--reporter', './test/support/mocha-reporter.ts'],
    ...lane.args,
  ]
  const words = lane.live ? 'inherit' : openSync(wordsFile, 'w')
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, ...lane.env, ...env, TEST_RESULT_FILE: resultFile },
    stdio: ['ignore', words, words],
  })
  running.add(child)
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1))
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : 1)))
  })
  running.delete(child)
  return {
    ...readResult(resultFile, exitCode),
    ...(lane.live ? {} : { words: readFileSync(wordsFile, 'utf8') }),
  }
}

async function runLane(lane: Lane): Promise<Result> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  try {
    if (interrupted) return FAILED
    return await runMocha(lane, {
      TEST_POSTGRES_URL: postgres.url,
      TEST_REDIS_URL: redis.url,
      TEST_CHROMIUM: findChromium() ?? '',
    })
  } finally {
    await Promise.allSettled([postgres.stop(), redis.stop()])
  }
}

async function run(): Promise<Result> {
  const missing = ensureServices()
  if (missing) {
    console.error(missing)
    return FAILED
  }
  const results = await Promise.all(
    lanesOf(process.argv.slice(2)).map((lane) =>
      runLane(lane).catch((error: unknown) => {
        console.error(error)
        return FAILED
      }),
    ),
  )
  for (const { words } of results) if (words !== undefined) process.stdout.write(words)
  return {
    passed: results.reduce((sum, { passed }) => sum + passed, 0),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) process.exit(1)
    interrupted = signal
    // mocha first; then `run` goes on to end the services
    for (const child of running) child.kill('SIGTERM')
  })
}
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const result = await run().catch((error: unknown) => {
  console.error(error)
  return FAILED
})
if (interrupted) {
  console.error(`stopped by ${interrupted}`)
  result.failed = Math.max(1, result.failed)
}
process.exitCode = result.failed === 0 ? 0 : 1
process.stdout.write(`${result.passed} passed, ${result.failed} failed\n`, () => process.exit())
