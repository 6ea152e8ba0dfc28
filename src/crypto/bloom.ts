/**
 * A Bloom filter in a file: says "certainly not in the list" or "almost certainly in it", in a few bytes for each entry
 * and without holding the entries. File: magic, version, m (bits), k (probes), n (entries), then the bits.
 */
import { createHash } from 'node:crypto'

const MAGIC = 0x4f53_424c // "OSBL"
const VERSION = 1
const HEADER_BYTES = 20
const MAX_BITS = 2 ** 32 - 8

export class BloomFilter {
  readonly #bits: Buffer
  readonly #size: number
  readonly #probes: number
  #entries: number

  private constructor(bits: Buffer, size: number, probes: number, entries: number) {
    this.#bits = bits
    this.#size = size
    this.#probes = probes
    this.#entries = entries
  }

  /** @param falsePositives wanted rate once it holds `capacity` entries, for example 1e-6 */
  static create(capacity: number, falsePositives: number): BloomFilter {
    const ideal = (-Math.max(1, capacity) * Math.log(falsePositives)) / Math.LN2 ** 2
    const size = Math.ceil(ideal / 8) * 8
    if (size > MAX_BITS) throw new RangeError('too many entries for one filter')
    const probes = Math.max(1, Math.round((size / Math.max(1, capacity)) * Math.LN2))
    return new BloomFilter(Buffer.alloc(size / 8), size, probes, 0)
  }

  /** @throws when the bytes are not a whole filter of a version we know */
  static parse(file: Buffer): BloomFilter {
    if (file.length < HEADER_BYTES || file.readUInt32BE(0) !== MAGIC) throw new Error('not a block list file')
    const version = file.readUInt32BE(4)
    if (version !== VERSION)
      throw new Error(`block list of version ${version}; this reads version ${VERSION}`)
    const size = file.readUInt32BE(8)
    const probes = file.readUInt32BE(12)
    const bits = file.subarray(HEADER_BYTES)
    if (size === 0 || bits.length * 8 !== size || probes < 1 || probes > 64) {
      throw new Error('the block list file is damaged')
    }
    return new BloomFilter(bits, size, probes, file.readUInt32BE(16))
  }

  get entries(): number {
    return this.#entries
  }

  serialize(): Buffer {
    const header = Buffer.alloc(HEADER_BYTES)
    const fields = [MAGIC, VERSION, this.#size, this.#probes, this.#entries]
    for (const [index, value] of fields.entries()) header.writeUInt32BE(value, index * 4)
    return Buffer.concat([header, this.#bits])
  }

  /** False when it was (almost certainly) in already. */
  add(entry: string): boolean {
    let fresh = false
    for (const position of this.#positions(entry)) {
      const mask = 1 << (position & 7)
      const byte = this.#bits[position >>> 3]!
      if ((byte & mask) === 0) fresh = true
      this.#bits[position >>> 3] = byte | mask
    }
    if (fresh) this.#entries += 1
    return fresh
  }

  has(entry: string): boolean {
    for (const position of this.#positions(entry)) {
      if ((this.#bits[position >>> 3]! & (1 << (position & 7))) === 0) return false
    }
    return true
  }

  /** All probes from one SHA-256 (Kirsch and Mitzenmacher): a + i·b, 48 bits each, exact in a double. */
  *#positions(entry: string): Generator<number> {
    const digest = createHash('sha256').update(entry, 'utf8').digest()
    const a = digest.readUIntBE(0, 6)
    const b = digest.readUIntBE(6, 6)
    for (let i = 0; i < this.#probes; i += 1) yield (a + i * b) % this.#size
  }
}
