/**
 * Passwords everybody tries first. The list is asked offline and never leaves the machine; see `config/README.md` for
 * where it comes from and how to build another.
 */
import { readFileSync } from 'node:fs'
import { BloomFilter } from './bloom.ts'

/** Shorter ones are refused for their length. */
export const LISTED_MIN_LENGTH = 8

const DEFAULT_FILE = new URL('../../config/common-passwords.bloom', import.meta.url)

/** One spelling for what looks the same: full-width letters, ligatures, capitals. */
export function foldPassword(password: string): string {
  return password.normalize('NFKC').toLowerCase()
}

export class CommonPasswords {
  readonly #filter: BloomFilter

  constructor(filter: BloomFilter) {
    this.#filter = filter
  }

  /** Reads the file once; it stays in memory (about 2 MB). */
  static load(file: string | URL = DEFAULT_FILE): CommonPasswords {
    return new CommonPasswords(BloomFilter.parse(readFileSync(file)))
  }

  /** How many passwords the list holds. */
  get size(): number {
    return this.#filter.entries
  }

  /** Whether it is on the list, as it is, written apart, or said twice. */
  isCommon(password: string): boolean {
    return variantsOf(foldPassword(password)).some((variant) => this.#filter.has(variant))
  }
}

/** What a guesser tries with one word of the list: the word, "pass word 123", "password1234567", "passwordpassword1". */
function variantsOf(folded: string): string[] {
  const joined = folded.replace(/[\s._-]+/g, '')
  const bare = joined.replace(/[^\p{L}]+$/u, '')
  const repeated = [folded, joined, bare].map((text) => /^(.{4,}?)\1+$/u.exec(text)?.[1] ?? text)
  return [...new Set([folded, joined, bare, ...repeated])].filter((text) => text.length >= LISTED_MIN_LENGTH)
}
