/**
 * Keeps the engine's keys those of the database. The engine takes its keys once, so another set of them is another
 * Provider: requests in hand finish on the one they began with, and everything they keep is in the store.
 */
import type Provider from 'oidc-provider'
import type { SigningKey } from '../domain/keys/key.ts'
import type { SigningKeyRepository } from '../domain/ports.ts'
import type { Changes } from '../storage/changes.ts'
import { Engine } from './engine.ts'
import { type Keys, keysOf } from './keys.ts'

export interface LiveEngineDeps {
  signingKeys: Pick<SigningKeyRepository, 'list'>
  changes: Changes
  /** complete: with everything that listens to a Provider */
  createProvider: (keys: Keys) => Provider
}

export class LiveEngine {
  readonly engine: Engine
  readonly #deps: LiveEngineDeps
  /** which keys the Provider has, and as what; no secrets */
  #standing: string
  #generation: number | undefined

  private constructor(deps: LiveEngineDeps, stored: readonly SigningKey[]) {
    this.#deps = deps
    this.#standing = standingOf(stored)
    this.engine = new Engine(deps.createProvider(keysOf(stored)))
  }

  static async open(deps: LiveEngineDeps): Promise<LiveEngine> {
    return new LiveEngine(deps, await deps.signingKeys.list())
  }

  /** Takes in what has changed; whether anything has. For one caller, who waits for the answer. */
  async follow(): Promise<boolean> {
    // Before the keys: what changes between the two is seen the next time.
    const generation = await this.#deps.changes.current('keys')
    if (generation === this.#generation) return false
    const stored = await this.#deps.signingKeys.list()
    const standing = standingOf(stored)
    const changed = standing !== this.#standing
    if (changed) this.engine.replace(this.#deps.createProvider(keysOf(stored)))
    this.#standing = standing
    this.#generation = generation
    return changed
  }
}

function standingOf(stored: readonly SigningKey[]): string {
  return stored
    .filter(({ state }) => state !== 'retired')
    .map(({ kid, state }) => `${kid} ${state}`)
    .join('\n')
}
