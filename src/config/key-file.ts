/** The root secret: given in production, made once into the data directory in evaluation mode. */
import { hkdfSync, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './read-env.ts'

const KEY_BYTES = 32
const NAME = 'OSTIARY_SECRET_KEY'
const HOW = 'make one with: openssl rand -base64 32'

/** Accepts base64, base64url or hex of at least 32 bytes. Reports a fault and returns undefined otherwise. */
export function parseSecretKey(
  text: string | undefined,
  faults: Fault[],
  name: 'OSTIARY_SECRET_KEY' | 'OSTIARY_SECRET_KEY_PREVIOUS' = NAME,
): Buffer | undefined {
  if (text === undefined) {
    faults.push({ name, problem: `is required (or ${name}_FILE); ${HOW}` })
    return undefined
  }
  const value = text.trim()
  const key = /^[0-9a-f]{64,}$/i.test(value) ? Buffer.from(value, 'hex') : Buffer.from(value, 'base64')
  const readable = /^[A-Za-z0-9+/_-]+={0,2}$/.test(value)
  if (!readable || key.length < KEY_BYTES) {
    faults.push({
      name,
      problem: `must be at least ${KEY_BYTES} random bytes as base64 or hex; ${HOW}`,
    })
    return undefined
  }
  if (new Set(key).size < 8) {
    faults.push({ name, problem: `is not random; ${HOW}` })
    return undefined
  }
  return key
}

/**
 * The key in the data directory, made on the first start and readable by its owner only.
 * @param looks nothing is written: where there is none, it is one that nothing was made with
 */
export function evaluationKey(dataDir: string, faults: Fault[], { looks = false } = {}): Buffer | undefined {
  const path = join(dataDir, 'secret.key')
  try {
    return parseSecretKey(readFileSync(path, 'utf8'), faults)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return unusable(dataDir, error, faults)
  }
  const key = randomBytes(KEY_BYTES)
  if (looks) return key
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    // 'wx': of two processes that start at once, one makes the key and the other reads it.
    writeFileSync(path, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
    chmodSync(path, 0o600)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return evaluationKey(dataDir, faults)
    return unusable(dataDir, error, faults)
  }
}

/** So that a newcomer can register an app at once; the same at every start, known only to who reads the terminal. */
export function evaluationAccessToken(rootKey: Buffer): string {
  return Buffer.from(hkdfSync('sha256', rootKey, 'ostiary', 'evaluation-initial-access-token', 32)).toString(
    'base64url',
  )
}

function unusable(dataDir: string, error: unknown, faults: Fault[]): undefined {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  faults.push({
    name: 'DATA_DIR',
    problem: `"${dataDir}" cannot be read and written (${code}); change its permissions or set DATA_DIR to another directory`,
  })
  return undefined
}
