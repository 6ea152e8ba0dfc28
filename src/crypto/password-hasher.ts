/**
 * Passwords at rest: argon2id (RFC 9106) over an HMAC of the password under the deployment's key (the pepper), so that
 * a stolen database without the key allows no guessing at all. The form that is hashed (NFC) is decided in `domain/`.
 */
import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { DomainError } from '../domain/errors.ts'
import type { KeyedHash, PasswordHasher } from '../domain/ports.ts'
import { type Argon2Parameters, type ParsedPhc, parsePhc, prefixOf, withKeyId } from './phc.ts'
import { type SlotOptions, Slots } from './slots.ts'

export interface Argon2Options extends Argon2Parameters, SlotOptions {}

/** OWASP's middle choice; about 45 ms on one core of a small server. */
export const ARGON2_DEFAULTS: Argon2Options = {
  memory: 47_104,
  passes: 2,
  lanes: 1,
  slots: 2,
  queue: 50,
  deadlineMs: 2000,
}

/** Below this we do not start (RFC 9106 and OWASP's floor). */
export const ARGON2_FLOOR: Argon2Parameters = { memory: 19_456, passes: 2, lanes: 1 }

/** UTF-8 bytes; checked before any work is done */
const MAX_BYTES = 1024
const SALT_BYTES = 16
const HASH_BYTES = 32

interface Pepper {
  id: string
  keyed: KeyedHash
}

export class Argon2Hasher implements PasswordHasher {
  readonly #parameters: Argon2Parameters
  readonly #peppers: [Pepper, ...Pepper[]]
  readonly #slots: Slots
  readonly #decoy: string

  /**
   * @param pepper the deployment's key
   * @param former keys that were used before; hashes made under them still work and are renewed at the next sign-in
   * @throws RangeError below the floor
   */
  constructor(pepper: KeyedHash, options: Partial<Argon2Options> = {}, former: readonly KeyedHash[] = []) {
    const { memory, passes, lanes, ...slots } = { ...ARGON2_DEFAULTS, ...options }
    this.#parameters = { memory, passes, lanes }
    for (const name of ['memory', 'passes', 'lanes'] as const) {
      const value = this.#parameters[name]
      if (!Number.isInteger(value) || value < ARGON2_FLOOR[name]) {
        throw new RangeError(`argon2 ${name} is ${value}; at least ${ARGON2_FLOOR[name]} is needed`)
      }
    }
    this.#peppers = [pepperOf(pepper), ...former.map(pepperOf)]
    this.#slots = new Slots(slots)
    // Nothing hashes to it, and finding that out costs what a real one costs.
    const part = (bytes: number): string => randomBytes(bytes).toString('base64').replace(/=+$/, '')
    this.#decoy = `${prefixOf(this.#parameters)}$${part(SALT_BYTES)}$${part(HASH_BYTES)}`
  }

  async hash(password: string, from?: string): Promise<string> {
    if (tooLong(password)) throw new DomainError('invalid_input', { detail: 'the password is too long' })
    const [current] = this.#peppers
    const { memory, passes, lanes } = this.#parameters
    const options = { memoryCost: memory, timeCost: passes, parallelism: lanes, outputLen: HASH_BYTES }
    const phc = await this.#slots.run(() => hash(peppered(current, password), options), from)
    return withKeyId(phc, current.id)
  }

  async verify(phc: string | undefined, password: string, from?: string): Promise<boolean> {
    if (tooLong(password)) return false
    const stored = phc === undefined ? undefined : parsePhc(phc)
    const input = stored && this.#inputFor(stored, password)
    if (stored && input) return await this.#slots.run(() => verify(stored.plain, input), from)
    // nobody, a string we cannot read, or a pepper we do not have: the same work, the same answer
    await this.#slots.run(() => verify(this.#decoy, peppered(this.#peppers[0], password)), from)
    return false
  }

  needsRehash(phc: string): boolean {
    const stored = parsePhc(phc)
    if (!stored || stored.keyId !== this.#peppers[0].id) return true
    const { memory, passes, lanes } = this.#parameters
    return stored.memory !== memory || stored.passes !== passes || stored.lanes !== lanes
  }

  /** What argon2 is given for this hash; undefined: it needs a pepper that is not here. */
  #inputFor(stored: ParsedPhc, password: string): string | undefined {
    if (stored.keyId === undefined) return password
    const pepper = this.#peppers.find((it) => it.id === stored.keyId)
    return pepper && peppered(pepper, password)
  }
}

/** 32 bits are enough to tell a handful of keys apart and say nothing about them. */
function pepperOf(keyed: KeyedHash): Pepper {
  const id = keyed.digest('password-pepper-id', '').subarray(0, 4)
  return { keyed, id: id.toString('base64').replace(/=+$/, '') }
}

/** As text: the library hashes any bytes, but verifies only bytes that happen to be UTF-8. */
function peppered({ keyed }: Pepper, password: string): string {
  return keyed.digest('password-pepper', password).toString('base64url')
}

function tooLong(password: string): boolean {
  return Buffer.byteLength(password, 'utf8') > MAX_BYTES
}
