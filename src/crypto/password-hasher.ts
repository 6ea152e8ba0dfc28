/**
 * Passwords at rest: argon2id (RFC 9106) over an HMAC of the password under the deployment's key (the pepper), so that
 * a stolen database without the key allows no guessing at all. The form that is hashed (NFC) is decided in `domain/`.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../domain/errors.ts'
import type { PasswordHasher } from '../domain/ports.ts'
import { type Argon2, inProcess } from './argon2.ts'
import { openForeign, type PasswordKeys } from './foreign-passwords.ts'
import { peppered, pepperedWith, pepperId } from './pepper.ts'
import { type Argon2Parameters, HASH_BYTES, type ParsedPhc, parsePhc, prefixOf, withKeyId } from './phc.ts'
import { type SlotOptions, Slots } from './slots.ts'

export interface Argon2Options extends Argon2Parameters, SlotOptions {
  /** where the work is done; it sees the peppered input and no key */
  argon2: Argon2
}

/** Twice the work of OWASP's largest suggestion (m=47104, t=1); `ostiary hashing` says what it costs on a machine. */
export const ARGON2_DEFAULTS: Argon2Options = {
  memory: 47_104,
  passes: 2,
  lanes: 1,
  slots: 2,
  queue: 50,
  deadlineMs: 2000,
  argon2: inProcess,
}

/** Below this we do not start (RFC 9106 and OWASP's floor). */
export const ARGON2_FLOOR: Argon2Parameters = { memory: 19_456, passes: 2, lanes: 1 }

/** UTF-8 bytes; checked before any work is done */
const MAX_BYTES = 1024
const SALT_BYTES = 16

export class Argon2Hasher implements PasswordHasher {
  readonly #parameters: Argon2Parameters
  readonly #keyed: PasswordKeys
  readonly #slots: Slots
  readonly #argon2: Argon2
  readonly #decoy: string
  /** milliseconds that checking one of our own takes, lately */
  #usualMs: number | undefined

  /**
   * @param keyed the pepper; hashes made under former data keys still work and are renewed at the next sign-in
   * @param options `argon2` belongs to the hasher from now on, and is closed with it
   * @throws RangeError below the floor
   */
  constructor(keyed: PasswordKeys, options: Partial<Argon2Options> = {}) {
    const { memory, passes, lanes, argon2, ...slots } = { ...ARGON2_DEFAULTS, ...options }
    this.#parameters = { memory, passes, lanes }
    for (const name of ['memory', 'passes', 'lanes'] as const) {
      const value = this.#parameters[name]
      if (!Number.isInteger(value) || value < ARGON2_FLOOR[name]) {
        throw new RangeError(`argon2 ${name} is ${value}; at least ${ARGON2_FLOOR[name]} is needed`)
      }
    }
    this.#keyed = keyed
    this.#slots = new Slots(slots)
    this.#argon2 = argon2
    // Nothing hashes to it, and finding that out costs what a real one costs.
    const part = (bytes: number): string => randomBytes(bytes).toString('base64').replace(/=+$/, '')
    this.#decoy = `${prefixOf(this.#parameters)}$${part(SALT_BYTES)}$${part(HASH_BYTES)}`
  }

  async hash(password: string, from?: string): Promise<string> {
    if (tooLong(password)) throw new DomainError('invalid_input', { detail: 'the password is too long' })
    const keyId = pepperId(this.#keyed)
    const input = peppered(this.#keyed, password)
    const phc = await this.#slots.run(() => this.#argon2.hash(input, this.#parameters), from)
    return withKeyId(phc, keyId)
  }

  async verify(phc: string | undefined, password: string, from?: string): Promise<boolean> {
    if (tooLong(password)) return false
    const foreign = phc === undefined ? undefined : this.#foreignOf(phc)
    if (foreign !== undefined) return this.#verifyForeign(foreign, password, from)
    const stored = phc === undefined ? undefined : parsePhc(phc)
    const input = stored && this.#inputFor(stored, password)
    if (stored && input) return await this.#work(stored.plain, input, from)
    // nobody, a string we cannot read, or a pepper we do not have: the same work, the same answer
    await this.#work(this.#decoy, peppered(this.#keyed, password), from)
    return false
  }

  needsRehash(phc: string): boolean {
    const stored = parsePhc(phc)
    if (!stored || stored.keyId !== pepperId(this.#keyed)) return true
    const { memory, passes, lanes } = this.#parameters
    return stored.memory !== memory || stored.passes !== passes || stored.lanes !== lanes
  }

  /** hashes at work, and those that wait for a slot */
  get load(): { waiting: number; busy: number } {
    return { waiting: this.#slots.waiting, busy: this.#slots.busy }
  }

  /** Gives back what the work is done with. Once nobody asks any more. */
  async close(): Promise<void> {
    await this.#argon2.close()
  }

  async #work(phc: string, input: string, from: string | undefined): Promise<boolean> {
    const { result, ms } = await this.#timed(() => this.#argon2.verify(phc, input), from)
    this.#usualMs = this.#usualMs === undefined ? ms : 0.9 * this.#usualMs + 0.1 * ms
    return result
  }

  /**
   * Through the same queue. A wrong password for a cheap hash must not be told from one for nobody, so the answer waits
   * until one of our own would have been checked; a dearer one shows, until its owner signs in for the first time.
   */
  async #verifyForeign(text: string, password: string, from: string | undefined): Promise<boolean> {
    if (this.#usualMs === undefined) await this.#work(this.#decoy, peppered(this.#keyed, password), from)
    const { result, ms } = await this.#timed(() => this.#argon2.verifyForeign(text, password), from)
    if (!result) await sleep(Math.max(0, (this.#usualMs ?? 0) - ms))
    return result
  }

  async #timed(work: () => Promise<boolean>, from: string | undefined) {
    return this.#slots.run(async () => {
      const started = performance.now()
      const result = await work()
      return { result, ms: performance.now() - started }
    }, from)
  }

  /** Undefined too where the key it is sealed under is gone: then the work and the answer are those for nobody. */
  #foreignOf(phc: string): string | undefined {
    try {
      return openForeign(this.#keyed, phc)
    } catch {
      return undefined
    }
  }

  /** What argon2 is given for this hash; undefined: it needs a pepper that is not here. */
  #inputFor(stored: ParsedPhc, password: string): string | undefined {
    if (stored.keyId === undefined) return password
    return pepperedWith(this.#keyed, stored.keyId, password)
  }
}

function tooLong(password: string): boolean {
  return Buffer.byteLength(password, 'utf8') > MAX_BYTES
}
