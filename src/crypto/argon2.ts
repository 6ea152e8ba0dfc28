/** The bare argon2id, without key, queue or policy: what `password-hasher.ts` asks for, and its means in this process. */
import { hash, verify } from '@node-rs/argon2'
import { verifyForeign } from './foreign-hash.ts'
import { type Argon2Parameters, HASH_BYTES } from './phc.ts'

export interface Argon2 {
  /** PHC string of the input, under a new salt of 16 bytes. */
  hash(input: string, parameters: Argon2Parameters): Promise<string>
  /** @throws when the string is not a PHC string of argon2 */
  verify(phc: string, input: string): Promise<boolean>
  /** Of a hash that other software made (`foreign-formats.ts`). Throws when it is none, or takes too long. */
  verifyForeign(text: string, password: string): Promise<boolean>
  /** Gives back what it holds; work under way may be refused. */
  close(): Promise<void>
}

/**
 * On threads of libuv's pool, which files, DNS and signing share: never more than two at once of its four
 * (`config/hashing.ts`). For the embedded database and for tools; what serves many people uses `Argon2Children`.
 */
export const inProcess: Argon2 = {
  hash: (input, { memory, passes, lanes }) =>
    hash(input, { memoryCost: memory, timeCost: passes, parallelism: lanes, outputLen: HASH_BYTES }),
  verify: (phc, input) => verify(phc, input),
  verifyForeign,
  close: async () => {},
}
