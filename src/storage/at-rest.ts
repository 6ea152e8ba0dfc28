/** How ids and secrets look at rest. Implemented in `crypto/`; a stolen database without the key opens nothing. */
import type { AuditEvent } from '../domain/audit/events.ts'

export interface AtRest {
  /** Keyed hash (32 bytes) of an opaque id, separated by kind so that a token of one kind is none of another. */
  hashId(kind: string, id: string): Buffer
  /**
   * What the id may be stored under: the hash of the current version first, then those of the others that are valid,
   * which for most of the time are none. To read with; what is new is written under `hashId`.
   */
  idHashes(kind: string, id: string): readonly [Buffer, ...Buffer[]]
  /** Authenticated encryption; `place` (table, column, row) is bound to it, so sealed values cannot be swapped. */
  seal(place: string, plaintext: string): Buffer
  /** Throws when the value was changed, moved, or sealed under a key this process does not have. */
  open(place: string, sealed: Buffer): string
}

/** A data key as it is stored: encrypted under the key-encryption key, which is never in the database. */
export interface WrappedKey {
  version: number
  /** names the key-encryption key */
  kekId: string
  wrapped: Buffer
  /** seconds until it is written with, by the store's clock; not positive: for so long already */
  activeIn: number
}

export type NewWrappedKey = Omit<WrappedKey, 'activeIn'>

/** A value in a sealed column, with the place it is bound to. */
export interface SealedValue {
  place: string
  sealed: Buffer
}

/** Where the data keys are kept. */
export interface DataKeyStore {
  /** Oldest first. */
  list(): Promise<WrappedKey[]>
  /**
   * Stores the first key if there is none, once however many processes try, and returns what is stored then.
   * `make` is shown something that is sealed already, where a database is older than data keys.
   */
  createOnce(make: (sealed: SealedValue | undefined) => NewWrappedKey): Promise<WrappedKey[]>
  /** Compare-and-set: false when another process has wrapped it anew meanwhile. */
  rewrap(key: NewWrappedKey, from: Buffer): Promise<boolean>
}

/** How many of a kind can only be recognised by an older version, and would stop working without it. */
export interface Dependants {
  what: string
  count: number
}

/** What an operator needs to bring in another data key and retire the oldest. */
export interface KeyRotationStore extends DataKeyStore {
  /**
   * Adds the next version, made for its number, deletes those listed in `retire` and records it. All or nothing, and
   * only if `known` are the versions there are: false when somebody else was faster.
   */
  advance(
    known: readonly number[],
    next: (version: number) => NewWrappedKey,
    options: { activeInSeconds: number; retire: readonly number[]; record: AuditEvent },
  ): Promise<boolean>
  /** Seals up to `limit` values of sealed columns that are not under the current version anew; returns how many. */
  reseal(limit: number): Promise<number>
  /** What still depends on versions before the current one. */
  dependants(current: { version: number; pepperId: string }): Promise<Dependants[]>
  /** Deletes up to `limit` artifacts of each kind that only versions before the current one recognise; returns how many. */
  dropDependants(current: number, limit: number): Promise<number>
}
