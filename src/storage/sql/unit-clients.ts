/** What clients register and change about themselves: committed with the token that allows it, and not without it. */
import type { RegisteredClient, RegisteredClients } from '../../domain/ports.ts'
import { storableJson } from './artifact-payload.ts'
import { orNull } from './rows.ts'
import type { Units } from './unit.ts'

export class UnitClients implements RegisteredClients {
  readonly #units: Units

  constructor(units: Units) {
    this.#units = units
  }

  register(client: RegisteredClient): Promise<void> {
    return this.#write(client, true)
  }

  change(client: RegisteredClient): Promise<void> {
    return this.#write(client, false)
  }

  async #write({ id, metadata, secretDigest }: RegisteredClient, isNew: boolean): Promise<void> {
    const json = storableJson(metadata)
    await this.#units.write({ kind: 'client', isNew, id, metadata: json, secretDigest: orNull(secretDigest) })
  }
}
