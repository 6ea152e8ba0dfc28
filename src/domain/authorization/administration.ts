/** Types of authorization details as an operator registers and changes them: one transaction each, with its audit record. */
import type { Actor } from '../access/service.ts'
import type { Database } from '../ports.ts'
import type { AuthorizationType } from './type.ts'

export class AuthorizationTypeAdministration {
  readonly #database: Pick<Database, 'transaction'>

  constructor(database: Pick<Database, 'transaction'>) {
    this.#database = database
  }

  /** Registers the type of this name, or replaces it. Every process knows it after its next start. */
  async save(type: AuthorizationType, { by, request }: Actor): Promise<void> {
    await this.#database.transaction(async ({ authorizationTypes, audit }) => {
      await authorizationTypes.save(type)
      await audit.append({
        ...{ name: 'authorization_type.saved', outcome: 'success', request },
        detail: { by, type: type.name },
      })
    })
  }
}
