/**
 * Bringing in another data key while everything runs: added now, written with once every node has had time to take it
 * in, and then what is sealed is sealed anew. At most two versions are valid; the oldest goes when the next one comes.
 */
import { randomBytes } from 'node:crypto'
import type { AuditEvent } from '../domain/audit/events.ts'
import type { Dependants, KeyRotationStore, WrappedKey } from '../storage/at-rest.ts'
import { MASTER_BYTES, MAX_VERSION } from './data-key.ts'
import type { DataKeys } from './data-keys.ts'
import type { Keyring } from './keyring.ts'
import { pepperId } from './pepper.ts'

/** Nodes look every 30 seconds. */
export const ACTIVATION_SECONDS = 60
const BATCH = 100
const DELETE_BATCH = 10_000

export interface Version {
  version: number
  state: 'next' | 'current' | 'former'
  /** seconds until it is written with, or since so long if not positive */
  activeIn: number
}

/** Something still depends on the oldest version, so the next one has to wait. */
export class StillNeededError extends Error {
  readonly dependants: readonly Dependants[]

  constructor(version: number, dependants: readonly Dependants[]) {
    super(`data key ${version} is still needed`)
    this.dependants = dependants
  }
}

export class KeyRotation {
  readonly #store: KeyRotationStore
  readonly #keyring: Keyring
  readonly #dataKeys: DataKeys

  constructor(store: KeyRotationStore, keyring: Keyring, dataKeys: DataKeys) {
    this.#store = store
    this.#keyring = keyring
    this.#dataKeys = dataKeys
  }

  /** Oldest first. */
  async versions(): Promise<Version[]> {
    return statesOf(await this.#store.list())
  }

  /** What only versions before the current one recognise. */
  async dependants(): Promise<Dependants[]> {
    const versions = await this.versions()
    const current = versions.find(({ state }) => state === 'current')
    if (!current || versions[0] === current) return []
    const found = await this.#store.dependants({
      version: current.version,
      pepperId: pepperId(this.#keyring),
    })
    return found.filter(({ count }) => count > 0)
  }

  /**
   * Adds a version, and retires the oldest of two.
   * @param force also when something depends on the oldest: that stops working, and what is stored of it is deleted
   * @throws StillNeededError without `force`
   * @throws Error in a sentence when a rotation is under way, or another was faster
   */
  async begin({ force = false, activeInSeconds = ACTIVATION_SECONDS } = {}): Promise<Version> {
    const versions = await this.versions()
    const newest = versions.at(-1)
    const current = versions.find(({ state }) => state === 'current')
    if (!newest || !current) throw new Error('there is no data key yet: start Ostiary once')
    if (newest !== current) throw new Error(`data key ${newest.version} is on its way already`)
    if (newest.version === MAX_VERSION) throw new Error(`data key ${MAX_VERSION} is the last there can be`)
    const retire = versions.filter(({ state }) => state === 'former').map(({ version }) => version)
    if (retire.length > 0) {
      await this.reseal()
      const dependants = await this.dependants()
      if (dependants.length > 0 && !force) throw new StillNeededError(Math.min(...retire), dependants)
      while ((await this.#store.dropDependants(current.version, DELETE_BATCH)) > 0);
    }
    const known = versions.map(({ version }) => version)
    const next = (version: number) => this.#dataKeys.wrap(version, randomBytes(MASTER_BYTES))
    const record: AuditEvent = {
      name: 'keys.rotated',
      outcome: 'success',
      request: undefined,
      detail: { version: newest.version + 1, forced: force },
    }
    if (!(await this.#store.advance(known, next, { activeInSeconds, retire, record })))
      throw new Error('another rotation began at the same moment; this one did nothing')
    await this.#dataKeys.refresh()
    return (await this.versions()).at(-1) as Version
  }

  /** Seals everything in sealed columns under the current version, a few rows at a time; returns how many it were. */
  async reseal(): Promise<number> {
    await this.#dataKeys.refresh()
    let total = 0
    for (let count = -1; count !== 0; total += count) count = await this.#store.reseal(BATCH)
    return total
  }
}

function statesOf(keys: readonly WrappedKey[]): Version[] {
  const current = keys.findLast(({ activeIn }) => activeIn <= 0)
  return keys.map(({ version, activeIn }) => ({
    version,
    activeIn,
    state: version === current?.version ? 'current' : activeIn > 0 ? 'next' : 'former',
  }))
}
