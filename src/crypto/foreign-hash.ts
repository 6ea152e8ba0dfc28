/**
 * Whether a password is the one of a hash that other software made. Asynchronous: in this process the work is done on
 * threads of libuv's pool, in a child (`hashing-child.mjs`) on those of its own.
 */
import { createCipheriv, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { BOUNDS, type ForeignHash, readForeign } from './foreign-formats.ts'

const deriveByPbkdf2 = promisify(pbkdf2)
const deriveByScrypt = promisify<string, Buffer, number, object, Buffer>(scrypt)

/**
 * @param text in a form of `foreign-formats.ts`
 * @throws HashRefused when it is none, or would take too long
 */
export async function verifyForeign(text: string, password: string): Promise<boolean> {
  const hash = readForeign(text)
  switch (hash.kind) {
    case 'bcrypt':
      return verifyBcrypt(password, hash.text)
    case 'argon2':
      return verifyArgon2(hash.text, password)
    case 'pbkdf2':
      return timingSafeEqual(
        hash.hash,
        await deriveByPbkdf2(password, hash.salt, hash.iterations, hash.hash.length, hash.digest),
      )
    case 'scrypt':
      return timingSafeEqual(hash.hash, await scrypted(password, hash.salt, hash.hash.length, hash))
    case 'firescrypt':
      return byFirebase(hash, password)
  }
}

type Firebase = Extract<ForeignHash, { kind: 'firescrypt' }>

/** What scrypt derives is the key under which the project's signer key becomes the hash. */
async function byFirebase(hash: Firebase, password: string): Promise<boolean> {
  const key = await scrypted(password, Buffer.concat([hash.salt, hash.separator]), 64, hash)
  const cipher = createCipheriv('aes-256-ctr', key.subarray(0, 32), Buffer.alloc(16))
  const made = Buffer.concat([cipher.update(hash.signerKey), cipher.final()])
  return made.length === hash.hash.length && timingSafeEqual(made, hash.hash)
}

function scrypted(
  password: string,
  salt: Buffer,
  length: number,
  { ln, r, p }: { ln: number; r: number; p: number },
): Promise<Buffer> {
  // Node asks for a little more than the 128 N r of the algorithm.
  return deriveByScrypt(password, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * BOUNDS.scrypt.memoryBytes })
}
