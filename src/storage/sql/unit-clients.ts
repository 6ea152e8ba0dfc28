/** What clients register and change about themselves: committed with the token that allows it, and not without it. */
import type { Admission } from '../../domain/clients/initial-access-token.ts'
import type { RegisteredClient, RegisteredClients } from '../../domain/ports.ts'
import { storableJson } from './artifact-payload.ts'
import { orNull } from './rows.ts'
import type { Units } from './unit.ts'
import type { Write } from './writes.ts'

export class UnitClients implements RegisteredClients {
  readonly #units: Units

  constructor(units: Units) {
    this.#units = units
  }

  async register(client: RegisteredClient, admission: Admission): Promise<void> {
    const token = admission.kind === 'token' ? admission.token.id : undefined
    const admittedBy = admission.kind === 'open' ? 'open' : orNull(token)
    const row: Write = { kind: 'client', isNew: true, ...columnsOf(client), admittedBy }
    await this.#units.write(...(token === undefined ? [row] : [{ kind: 'admit', id: token } as const, row]))
  }

  async change(client: RegisteredClient): Promise<void> {
    await this.#units.write({ kind: 'client', isNew: false, ...columnsOf(client), admittedBy: null })
  }
}

function columnsOf({ id, metadata, secretDigest }: RegisteredClient) {
  return { id, metadata: storableJson(metadata), secretDigest: orNull(secretDigest) }
}
