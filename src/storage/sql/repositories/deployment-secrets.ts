import type { Knex } from 'knex'
import type { DeploymentSecretRepository } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { DEPLOYMENT_SECRET, placeOf } from '../sealed-columns.ts'

interface Row {
  name: string
  sealed: Buffer
}

/** Each reaches the table only sealed to its own row. Never replaces one: what was derived from it would change. */
export class SqlDeploymentSecrets implements DeploymentSecretRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async once(name: string, make: () => string): Promise<string> {
    const place = placeOf(DEPLOYMENT_SECRET, name)
    const find = () => this.#knex<Row>('deployment_secrets').where({ name }).first('sealed')
    let row = await find()
    if (!row) {
      await this.#knex<Row>('deployment_secrets')
        .insert({ name, sealed: this.#atRest.seal(place, make()) })
        .onConflict('name')
        .ignore()
      // Another process may have been faster: what is stored counts.
      row = await find()
    }
    if (!row) throw new Error(`the deployment's secret "${name}" was deleted while it was made`)
    return this.#atRest.open(place, row.sealed)
  }
}
