/**
 * The product's own data. Outside `transaction` every repository call commits by itself; inside, the repositories
 * handed to the work are bound to the transaction, and the pool is out of reach.
 */
import type { Knex } from 'knex'
import type { Database, Repositories } from '../../domain/ports.ts'
import type { AtRest } from '../at-rest.ts'
import { SqlAccess } from './access.ts'
import type { SqlConnection } from './connection.ts'
import { EXPIRED, purge } from './purge.ts'
import { SqlAudit } from './repositories/audit.ts'
import { SqlAuditTrail } from './repositories/audit-trail.ts'
import { SqlClientDirectory } from './repositories/client-directory.ts'
import { SqlClients } from './repositories/clients.ts'
import { SqlConsents } from './repositories/consents.ts'
import { SqlEmailProofs } from './repositories/email-proofs.ts'
import { SqlFailures } from './repositories/failures.ts'
import { SqlIdempotency } from './repositories/idempotency.ts'
import { SqlOutbox } from './repositories/outbox.ts'
import { SqlPeopleDirectory } from './repositories/people-directory.ts'
import { SqlSettings } from './repositories/settings.ts'
import { SqlSigningKeys } from './repositories/signing-keys.ts'
import { SqlUsers } from './repositories/users.ts'
import { SQLSTATE, sqlState } from './rows.ts'

export function sqlDatabase(connection: SqlConnection, atRest: AtRest): Database {
  return {
    ...repositories(connection.knex, atRest),
    transaction: (work) => again(() => connection.knex.transaction((trx) => work(repositories(trx, atRest)))),
  }
}

/** Of two transactions that wait for each other Postgres ends one; nothing of it was kept, so it begins anew. */
async function again<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction()
    } catch (error) {
      if (tries === TRIES || sqlState(error) !== SQLSTATE.deadlock) throw error
    }
  }
}

const TRIES = 3

function repositories(knex: Knex, atRest: AtRest): Repositories {
  return {
    users: new SqlUsers(knex),
    emailProofs: new SqlEmailProofs(knex),
    outbox: new SqlOutbox(knex),
    audit: new SqlAudit(knex),
    clients: new SqlClients(knex),
    consents: new SqlConsents(knex),
    signingKeys: new SqlSigningKeys(knex, atRest),
    settings: new SqlSettings(knex),
    failures: new SqlFailures(knex),
    access: new SqlAccess(knex, atRest),
    people: new SqlPeopleDirectory(knex),
    applications: new SqlClientDirectory(knex),
    trail: new SqlAuditTrail(knex),
    idempotency: new SqlIdempotency(knex, atRest),
  }
}

/** When rows of the tables here are over. Proofs stay a day longer, so that an old link is "expired", not "unknown". */
const OVER = [
  ['email_proofs', "expires_at <= now() - interval '1 day'"],
  ['usernames', EXPIRED],
  ['idempotency_keys', EXPIRED],
  ['failures', "created_at <= now() - interval '1 day'"],
] as const

/** Deletes up to `batchSize` rows of each; returns how many went. */
export function purgeExpiredRows(connection: SqlConnection, batchSize: number): Promise<number> {
  return purge(connection, OVER, batchSize)
}
