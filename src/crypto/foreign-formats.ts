/**
 * Password hashes as other software writes them, read into one form and written in one. What would cost too much to
 * verify is refused here, at the import and again before each verification: nobody's sign-in may stop the others'.
 */
import { HashRefused } from '../domain/users/transfer/fault.ts'

export type Digest = 'sha1' | 'sha256' | 'sha512'

interface Derived {
  salt: Buffer
  hash: Buffer
}

interface ScryptCost {
  /** base 2 logarithm of N */
  ln: number
  r: number
  p: number
}

export type ForeignHash =
  | { kind: 'bcrypt' | 'argon2'; text: string }
  | ({ kind: 'pbkdf2'; digest: Digest; iterations: number } & Derived)
  | ({ kind: 'scrypt' } & ScryptCost & Derived)
  /** Firebase: the signer key encrypted under what scrypt derives */
  | ({ kind: 'firescrypt'; separator: Buffer; signerKey: Buffer } & ScryptCost & Derived)

/** Each about a second on one core, which is what a sign-in may take at most. */
export const BOUNDS = {
  bcryptCost: 14,
  /** iterations times blocks of output */
  pbkdf2: 2_000_000,
  argon2: { memoryKiB: 262_144, passes: 12, lanes: 16, work: 1_048_576 },
  scrypt: { memoryBytes: 256 * 1024 * 1024, work: 2 ** 21 },
  hashBytes: { min: 16, max: 128 },
  saltBytes: { min: 4, max: 128 },
} as const

/** RFC 9106, 3.1 */
const ARGON2_SALT_BYTES = 8
const DIGEST_BYTES: Record<Digest, number> = { sha1: 20, sha256: 32, sha512: 64 }

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const ARGON2 =
  /^\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=(\d{1,8}),t=(\d{1,5}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/
const FIRESCRYPT = /^\$firescrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)\$([^$]*)\$([^$]+)$/
const PBKDF2 = /^\$pbkdf2-(sha1|sha256|sha512)\$(?:i=)?(\d{1,8})(?:,l=\d{1,4})?\$([^$]+)\$([^$]+)$/
const PASSLIB_SHA1 = /^\$pbkdf2(\$\d{1,8}\$[^$]+\$[^$]+)$/
const DJANGO = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,8})\$([^$]+)\$([^$]+)$/

/**
 * @param given a string, or Keycloak's credential (an object with `secretData` and `credentialData`)
 * @throws HashRefused
 */
export function readForeign(given: unknown): ForeignHash {
  if (typeof given === 'object' && given !== null) return fromKeycloak(given as Record<string, unknown>)
  if (typeof given !== 'string') throw unknown()
  // Django writes the name of its own method before a PHC string.
  const text = given.startsWith('argon2$argon2') ? given.slice('argon2'.length) : given
  const bcrypt = BCRYPT.exec(text)
  if (bcrypt) return checked({ kind: 'bcrypt', text }, within(Number(bcrypt[1]), 4, BOUNDS.bcryptCost))
  const argon2 = ARGON2.exec(text)
  if (argon2) return checked({ kind: 'argon2', text }, argon2Fits(argon2))
  const [, ln, r, p, salt, hash, separator, signerKey] = FIRESCRYPT.exec(text) ?? SCRYPT.exec(text) ?? []
  if (salt !== undefined && hash !== undefined) {
    const read = { ln: Number(ln), r: Number(r), p: Number(p), ...derived(salt, hash) }
    return scrypt(
      signerKey === undefined
        ? { kind: 'scrypt', ...read }
        : { kind: 'firescrypt', ...read, separator: bytes(separator ?? ''), signerKey: bytes(signerKey) },
    )
  }
  const named = PBKDF2.exec(text) ?? PBKDF2.exec(text.replace(PASSLIB_SHA1, '$$pbkdf2-sha1$1'))
  if (named) return pbkdf2(named[1] as Digest, Number(named[2]), derived(named[3] ?? '', named[4] ?? ''))
  const django = DJANGO.exec(text)
  // Its salt is the text itself.
  if (django)
    return pbkdf2(django[1] as Digest, Number(django[2]), {
      salt: Buffer.from(django[3] ?? ''),
      hash: bytes(django[4] ?? ''),
    })
  throw unknown()
}

/** The one form, which `readForeign` reads. */
export function writeForeign(hash: ForeignHash): string {
  switch (hash.kind) {
    case 'bcrypt':
    case 'argon2':
      return hash.text
    case 'pbkdf2':
      return `$pbkdf2-${hash.digest}$i=${hash.iterations},l=${hash.hash.length}$${b64(hash.salt)}$${b64(hash.hash)}`
    case 'scrypt':
      return `$scrypt$${costOf(hash)}$${b64(hash.salt)}$${b64(hash.hash)}`
    case 'firescrypt':
      return `$firescrypt$${costOf(hash)}$${[hash.salt, hash.hash, hash.separator, hash.signerKey].map(b64).join('$')}`
  }
}

/** A credential of Keycloak's export; the two members are JSON, as text or as objects. */
function fromKeycloak(credential: Record<string, unknown>): ForeignHash {
  const { value, salt } = objectOf(credential.secretData)
  const { algorithm, hashIterations, additionalParameters } = objectOf(credential.credentialData)
  if (typeof value !== 'string' || typeof salt !== 'string') throw unknown()
  const made = { salt: bytes(salt), hash: bytes(value) }
  const pbkdf2Name = /^pbkdf2(?:-(sha256|sha512))?$/.exec(String(algorithm))
  if (pbkdf2Name) return pbkdf2((pbkdf2Name[1] ?? 'sha1') as Digest, Number(hashIterations), made)
  if (algorithm !== 'argon2') throw unknown()
  const more = objectOf(additionalParameters)
  const first = (name: string, otherwise: string) => String([more[name]].flat()[0] ?? otherwise)
  const version = first('version', '1.3') === '1.0' ? 16 : 19
  const cost = `m=${first('memory', '7168')},t=${Number(hashIterations)},p=${first('parallelism', '1')}`
  return readForeign(`$argon2${first('type', 'id')}$v=${version}$${cost}$${b64(made.salt)}$${b64(made.hash)}`)
}

function objectOf(value: unknown): Record<string, unknown> {
  let read = value
  try {
    if (typeof value === 'string') read = JSON.parse(value)
  } catch {
    throw unknown()
  }
  if (typeof read !== 'object' || read === null) throw unknown()
  return read as Record<string, unknown>
}

function argon2Fits([, m, t, p, salt = '', hash = '']: RegExpExecArray): boolean {
  const { memoryKiB, passes, lanes, work } = BOUNDS.argon2
  const read = derived(salt, hash)
  // What checks it reads the text itself, and is stricter: nobody would find out before they cannot sign in.
  if (read.salt.length < ARGON2_SALT_BYTES || b64(read.salt) !== salt || b64(read.hash) !== hash)
    throw unknown()
  const [memory, rounds, width] = [Number(m), Number(t), Number(p)]
  return (
    within(memory, 8 * width, memoryKiB) &&
    within(rounds, 1, passes) &&
    within(width, 1, lanes) &&
    memory * rounds <= work
  )
}

function pbkdf2(digest: Digest, iterations: number, { salt, hash }: Derived): ForeignHash {
  derivedFits(salt, hash)
  const blocks = Math.ceil(hash.length / DIGEST_BYTES[digest])
  const fits = Number.isInteger(iterations) && within(iterations * blocks, 1, BOUNDS.pbkdf2)
  return checked({ kind: 'pbkdf2', digest, iterations, salt, hash }, fits)
}

function scrypt<Hash extends ForeignHash & ScryptCost>(hash: Hash): Hash {
  const { ln, r, p } = hash
  const { memoryBytes, work } = BOUNDS.scrypt
  const size = 2 ** ln * r
  // RFC 7914, 2
  if (ln >= 16 * r) throw unknown()
  return checked(hash, ln >= 1 && r >= 1 && p >= 1 && 128 * size <= memoryBytes && size * p <= work)
}

function checked<Hash>(hash: Hash, fits: boolean): Hash {
  if (fits) return hash
  throw new HashRefused(
    'the hash takes more work to check than a sign-in may',
    'leave password_hash out: the person chooses a new password by "forgot password"',
  )
}

function derived(salt: string, hash: string): Derived {
  const read = { salt: bytes(salt), hash: bytes(hash) }
  derivedFits(read.salt, read.hash)
  return read
}

function derivedFits(salt: Buffer, hash: Buffer): void {
  const { hashBytes, saltBytes } = BOUNDS
  if (
    !within(hash.length, hashBytes.min, hashBytes.max) ||
    !within(salt.length, saltBytes.min, saltBytes.max)
  )
    throw new HashRefused(
      `the hash must have ${hashBytes.min} to ${hashBytes.max} bytes, its salt ${saltBytes.min} to ${saltBytes.max}`,
      'export it again: it was cut off, or is not what it says',
    )
}

function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

/** Base64, also with passlib's dots, the URL's alphabet, and without padding. */
function bytes(text: string): Buffer {
  if (!/^[A-Za-z0-9+/._-]*={0,2}$/.test(text)) throw unknown()
  return Buffer.from(text.replaceAll('.', '+'), 'base64')
}

function b64(value: Buffer): string {
  return value.toString('base64').replace(/=+$/, '')
}

function costOf({ ln, r, p }: ScryptCost): string {
  return `ln=${ln},r=${r},p=${p}`
}

function unknown(): HashRefused {
  return new HashRefused(
    'this is no password hash that can be checked here',
    'give bcrypt, scrypt, PBKDF2 or argon2 in a form that docs/import-export.md lists, or leave password_hash out',
  )
}
