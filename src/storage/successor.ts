/**
 * A value encrypted under the one it takes the place of: only who still presents the old value can read the new one,
 * and the database with all its keys cannot. AES-256-GCM under HMAC-SHA-256(old value, purpose).
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const IV_BYTES = 12
const TAG_BYTES = 16

/** Layout: IV (12 bytes), tag (16), ciphertext. */
export function sealUnder(old: string, purpose: string, value: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keyOf(old, purpose), iv)
  const body = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body])
}

/** @throws when the row was changed, or belongs to another value */
export function openUnder(old: string, purpose: string, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', keyOf(old, purpose), sealed.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  }).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  const body = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES))
  return Buffer.concat([body, decipher.final()]).toString('utf8')
}

function keyOf(old: string, purpose: string): Buffer {
  return createHmac('sha256', old).update(`ostiary successor ${purpose}`).digest()
}
