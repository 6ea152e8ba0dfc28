/**
 * The data keys in use: id hashes, sealed columns, derived mail secrets, form tokens, peppers. New things are made under
 * the current version; what was made under the one before is still recognised, and so is what a node that is a moment
 * ahead of us makes under the next. Where the keys come from is `data-keys.ts`' affair.
 */
import type { KeyedHash } from '../domain/ports.ts'
import type { AtRest } from '../storage/at-rest.ts'
import { DataKey } from './data-key.ts'

/** A version and when it is written with: seconds from now, or since so long if not positive. */
export interface ScheduledKey {
  key: DataKey
  activeIn: number
}

interface Held {
  key: DataKey
  /** by `performance.now()` */
  activeAt: number
}

export class Keyring implements AtRest, KeyedHash {
  /** oldest first */
  #held: Held[] = []
  /** current first, the others newest first */
  #keys: readonly [DataKey, ...DataKey[]] | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param master of version 1, where there is nothing to load: at least 32 bytes of secret */
  constructor(master?: Buffer) {
    if (master) this.load([{ key: new DataKey(1, master), activeIn: 0 }])
  }

  /** Replaces what is held. Throws when none of the versions is active. */
  load(keys: readonly ScheduledKey[]): void {
    const now = performance.now()
    const held = keys
      .map(({ key, activeIn }) => ({ key, activeAt: now + activeIn * 1000 }))
      .sort((a, b) => a.key.version - b.key.version)
    if (!held.some(({ activeAt }) => activeAt <= now)) throw new Error('no data key is active yet')
    this.#held = held
    this.#order()
  }

  /** The version new things are made under. It is no secret. */
  get version(): number {
    return this.#all()[0].version
  }

  /** All that are held, oldest first. */
  get versions(): number[] {
    return this.#held.map(({ key }) => key.version)
  }

  key(version: number): DataKey | undefined {
    return this.#held.find(({ key }) => key.version === version)?.key
  }

  hashId(kind: string, id: string): Buffer {
    return this.#all()[0].hashId(kind, id)
  }

  idHashes(kind: string, id: string): readonly [Buffer, ...Buffer[]] {
    const [current, ...others] = this.#all()
    return [current.hashId(kind, id), ...others.map((key) => key.hashId(kind, id))]
  }

  digest(purpose: string, value: string): Buffer {
    return this.#all()[0].digest(purpose, value)
  }

  digests(purpose: string, value: string, lifetimeSeconds?: number): readonly [Buffer, ...Buffer[]] {
    const [current, ...others] = this.#all()
    const alive =
      lifetimeSeconds === undefined ? others : others.filter((key) => this.#usedWithin(key, lifetimeSeconds))
    return [current.digest(purpose, value), ...alive.map((key) => key.digest(purpose, value))]
  }

  seal(place: string, plaintext: string): Buffer {
    return this.#all()[0].seal(place, plaintext)
  }

  open(place: string, sealed: Buffer): string {
    const key = this.#all().find(({ version }) => version === sealed[0])
    if (!key)
      throw new Error(`"${place}" is sealed under data key ${sealed[0]}, which is not here (any more)`)
    return key.open(place, sealed)
  }

  #all(): readonly [DataKey, ...DataKey[]] {
    if (!this.#keys) throw new Error('the data keys are not loaded yet: nothing can be hashed or sealed')
    return this.#keys
  }

  #order(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    const newestFirst = this.#held.toReversed()
    const current = newestFirst.find(({ activeAt }) => activeAt <= now) as Held
    const others = newestFirst.filter((held) => held !== current)
    this.#keys = [current.key, ...others.map(({ key }) => key)]
    const next = this.#held.find(({ activeAt }) => activeAt > now)
    if (next) this.#timer = setTimeout(() => this.#order(), next.activeAt - now + 1).unref()
  }

  /** Whether the version was written with in the last so many seconds, or may be at this moment by others. */
  #usedWithin(key: DataKey, seconds: number): boolean {
    const next = this.#held[this.#held.findIndex((held) => held.key === key) + 1]
    return !next || performance.now() - next.activeAt <= seconds * 1000
  }
}
