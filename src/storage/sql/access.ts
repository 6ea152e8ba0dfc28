/** Ends access for good, in the caller's transaction where there is one. */
import type { Knex } from 'knex'
import type { AccessRevoker } from '../../domain/ports.ts'
import * as sql from './artifact-sql.ts'

export class SqlAccess implements AccessRevoker {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  /** Sessions, proven but unfinished sign-ins, grants and all that was issued under them. */
  async revokeAccount(accountId: string): Promise<void> {
    await this.#together([sql.END_FAMILIES_SQL, REVOKE_BY_ACCOUNT], accountId)
  }

  /** One session by the hash of its `uid`. */
  async endSession(uid: Buffer): Promise<void> {
    await this.#together([sql.END_FAMILY_SQL, sql.DELETE_FAMILY_SESSIONS_SQL], uid)
  }

  /** Families first, in a statement of its own: the second statement then sees every session written until then. */
  async #together(statements: string[], value: string | Buffer): Promise<void> {
    await this.#knex.transaction(async (trx) => {
      for (const statement of statements) await trx.raw(statement, { value })
    })
  }
}

const REVOKE_BY_ACCOUNT = sql.revokeBySql('account_id', ':value')
