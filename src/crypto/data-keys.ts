/**
 * Envelope encryption of the data keys: they are made once, kept in the database wrapped under OSTIARY_SECRET_KEY, and
 * opened into the keyring at the start. Another OSTIARY_SECRET_KEY wraps the same keys anew, so nothing that was made
 * with them changes. Never makes a second set over what it cannot open.
 */
import { randomBytes } from 'node:crypto'
import type { DataKeyStore, NewWrappedKey, SealedValue, WrappedKey } from '../storage/at-rest.ts'
import { DataKey, MASTER_BYTES } from './data-key.ts'
import { KeyEncryptionKey } from './key-encryption-key.ts'
import type { Keyring } from './keyring.ts'

const NAME = 'OSTIARY_SECRET_KEY'

export interface SecretKeys {
  current: Buffer
  /** what `current` replaces, until every data key is wrapped under `current` */
  previous?: Buffer | undefined
}

/** What opening them came to, for the log. */
export interface Opened {
  /** the first key was made, by this process or another at the same moment */
  created: boolean
  /** versions wrapped under the current secret key now, and under the previous one before */
  rewrapped: number[]
  /** a previous secret key is given and nothing needs it */
  previousIsIdle: boolean
}

/** The message is a sentence for the operator. */
export class WrongSecretKey extends Error {
  override readonly name = 'WrongSecretKey'
}

export class DataKeys {
  readonly #store: DataKeyStore
  readonly #keyring: Keyring
  readonly #secrets: SecretKeys
  readonly #current: KeyEncryptionKey
  readonly #known: Map<string, KeyEncryptionKey>

  constructor(store: DataKeyStore, keyring: Keyring, secrets: SecretKeys) {
    this.#store = store
    this.#keyring = keyring
    this.#secrets = secrets
    this.#current = new KeyEncryptionKey(secrets.current)
    const previous = secrets.previous && new KeyEncryptionKey(secrets.previous)
    this.#known = new Map([...(previous ? [previous] : []), this.#current].map((key) => [key.id, key]))
  }

  /**
   * Fills the keyring; makes the first key where there is none.
   * @throws WrongSecretKey when one is missing or wrong
   */
  async open(): Promise<Opened> {
    let stored = await this.#store.list()
    const created = stored.length === 0
    if (created) stored = await this.#store.createOnce((sealed) => this.#first(sealed))
    this.#load(stored)
    const outdated = stored.filter(({ kekId }) => kekId !== this.#current.id)
    const rewrapped: number[] = []
    for (const row of outdated) {
      const renewed = this.wrap(row.version, this.#unwrap(row))
      if (await this.#store.rewrap(renewed, row.wrapped)) rewrapped.push(row.version)
    }
    const previousIsIdle = this.#secrets.previous !== undefined && outdated.length === 0
    return { created, rewrapped, previousIsIdle }
  }

  /** Takes in what was added or retired since; whether anything was. */
  async refresh(): Promise<boolean> {
    const before = this.#keyring.versions.join()
    this.#load(await this.#store.list())
    return this.#keyring.versions.join() !== before
  }

  wrap(version: number, master: Buffer): NewWrappedKey {
    return { version, kekId: this.#current.id, wrapped: this.#current.wrap(version, master) }
  }

  #load(stored: readonly WrappedKey[]): void {
    this.#keyring.load(
      stored.map((row) => ({
        // One that is open already needs no secret key: another node may have changed that meanwhile.
        key: this.#keyring.key(row.version) ?? new DataKey(row.version, this.#unwrap(row)),
        activeIn: row.activeIn,
      })),
    )
  }

  #unwrap({ version, kekId, wrapped }: WrappedKey): Buffer {
    const key = this.#known.get(kekId)
    if (key) return key.unwrap(version, wrapped)
    const given = [...this.#known.keys()].join(' and ')
    throw new WrongSecretKey(
      `${NAME} is not the key this database was made with: data key ${version} is wrapped under secret key ${kekId}, ` +
        `and here is ${given}. Start with that key again. To change it, set the new one as ${NAME} and that one as ${NAME}_PREVIOUS.`,
    )
  }

  /** Before there were data keys everything was derived from the secret key itself, which then becomes the first one. */
  #first(sealed: SealedValue | undefined): NewWrappedKey {
    if (!sealed) return this.wrap(1, randomBytes(MASTER_BYTES))
    for (const root of [this.#secrets.current, this.#secrets.previous]) {
      if (root && opens(new DataKey(1, root), sealed)) return this.wrap(1, root)
    }
    throw new WrongSecretKey(
      `the database holds sealed values ("${sealed.place}") and no data keys, and ${NAME} does not open them. ` +
        'If the table data_keys was emptied, restore it from a backup; otherwise start with the key the database was made with.',
    )
  }
}

function opens(key: DataKey, { place, sealed }: SealedValue): boolean {
  try {
    key.open(place, sealed)
    return true
  } catch {
    return false
  }
}
