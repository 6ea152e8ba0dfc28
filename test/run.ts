/**
 * `npm test`: brings up PostgreSQL and Redis, runs every test against them, ends them again.
 * Arguments go to mocha: files, `--grep words`, `--bail`. The last line is always `N passed, N failed`.
 *
 * `npm run test:faults` (`--faults`) runs the fault and race tests alone, each in its long form (test/support/faults.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findChromium } from './support/binaries.ts'
import { ensureServices } from './support/install-services.ts'
import { startPostgres, startRedis, stopEverythingNow } from './support/services.ts'

interface Result {
  passed: number
  failed: number
}

const FAILED: Result = { passed: 0, failed: 1 }

const FAULTS = ['test/faults/**/*.test.ts', 'test/races/**/*.test.ts']
/** for a long form that names no time of its own */
const LONG_MS = '3600000'

const folder = mkdtempSync(join(tmpdir(), 'ostiary-test-'))
let mocha: ChildProcess | undefined
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

async function runMocha(env: Record<string, string>): Promise<Result> {
  const resultFile = join(folder, 'result.json')
  const faults = process.argv.includes('--faults')
  const own = process.argv.slice(2).filter((argument) => argument !== '--faults')
  const namesFiles = own.some((argument) => argument.endsWith('.ts'))
  const bin = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js')
  const args = [
    ...['--no-config', '--exit', '--extension', 'ts', '--timeout', faults ? LONG_MS : '30000'],
    ...['--require', './test/setup.ts', '--reporter', './test/support/mocha-reporter.ts'],
    // a whole run holds everything: nothing skipped, nothing singled out
    ...(own.length === 0 ? ['--forbid-only', '--forbid-pending'] : []),
    ...own,
    ...(namesFiles ? [] : faults ? FAULTS : ['test/**/*.test.ts']),
  ]
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, ...(faults ? { FAULTS: 'long' } : {}), ...env, TEST_RESULT_FILE: resultFile },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  mocha = child
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1))
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 + constants.signals[signal] : 1)))
  })
  mocha = undefined
  return readResult(resultFile, exitCode)
}

async function run(): Promise<Result> {
  const missing = ensureServices()
  if (missing) {
    console.error(missing)
    return FAILED
  }
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  try {
    if (interrupted) return FAILED
    return await runMocha({
      TEST_POSTGRES_URL: postgres.url,
      TEST_REDIS_URL: redis.url,
      TEST_CHROMIUM: findChromium() ?? '',
    })
  } finally {
    await Promise.allSettled([postgres.stop(), redis.stop()])
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) process.exit(1)
    interrupted = signal
    // mocha first; then `run` goes on to end the services
    mocha?.kill('SIGTERM')
  })
}
process.on('exit', () => {
  stopEverythingNow()
  rmSync(folder, { recursive: true, force: true })
})

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
