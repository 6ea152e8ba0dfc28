/** Randomness from the operating system, behind the port `domain/` asks for. */
import { randomBytes } from 'node:crypto'
import type { Random } from '../domain/ports.ts'

/** 128 bits: ids of ours may end up where guessing matters */
const ID_BYTES = 16

export const secureRandom: Random = {
  token: (bytes) => randomBytes(bytes).toString('base64url'),
  // hex, so that an id survives every place that folds case or forbids a leading dash
  id: (prefix) => `${prefix}_${randomBytes(ID_BYTES).toString('hex')}`,
}
