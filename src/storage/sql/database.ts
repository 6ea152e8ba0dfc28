/**
 * The product's own data. Outside `transaction` every repository call commits by itself; inside, the repositories
 * handed to the work are bound to the transaction, and the pool is out of reach.
 */
import type { Knex } from 'knex'
import type { Database, Repositories } from '../../domain/ports.ts'
import type { AtRest } from '../at-rest.ts'
import { SqlAccess } from './access.ts'
import { AuditPrivacy } from './audit-privacy.ts'
import type { SqlConnection } from './connection.ts'
import { EXPIRED, purge } from './purge.ts'
import { SqlAccessDirectory } from './repositories/access-directory.ts'
import { SqlApplicationRoles } from './repositories/application-roles.ts'
import { SqlAppliedState } from './repositories/applied-state.ts'
import { SqlAudit } from './repositories/audit.ts'
import { SqlAuditChain, SqlAuditKeys } from './repositories/audit-chain.ts'
import { SqlAuditTrail } from './repositories/audit-trail.ts'
import { SqlAuthorizationTypes } from './repositories/authorization-types.ts'
import { SqlClientDirectory } from './repositories/client-directory.ts'
import { SqlClientDocuments } from './repositories/client-documents.ts'
import { SqlClients } from './repositories/clients.ts'
import { SqlConsents } from './repositories/consents.ts'
import { SqlDeadLetters } from './repositories/dead-letters.ts'
import { SqlDeletions } from './repositories/deletions.ts'
import { SqlDeploymentSecrets } from './repositories/deployment-secrets.ts'
import { SqlEmailProofs } from './repositories/email-proofs.ts'
import { SqlFailures } from './repositories/failures.ts'
import { SqlIdempotency } from './repositories/idempotency.ts'
import { SqlInitialAccessTokens } from './repositories/initial-access-tokens.ts'
import { SqlOutbox } from './repositories/outbox.ts'
import { SqlPeopleDirectory } from './repositories/people-directory.ts'
import { SqlResourceServers } from './repositories/resource-servers.ts'
import { SqlRoles } from './repositories/roles.ts'
import { SqlSettings } from './repositories/settings.ts'
import { SqlSigningKeys } from './repositories/signing-keys.ts'
import { SqlUsage } from './repositories/usage.ts'
import { SqlUserTransfer } from './repositories/user-transfer.ts'
import { SqlUsers } from './repositories/users.ts'
import { SqlWebhooks } from './repositories/webhooks.ts'
import { SQLSTATE, sqlState } from './rows.ts'

export function sqlDatabase(
  connection: SqlConnection,
  atRest: AtRest,
  privacy = new AuditPrivacy(atRest),
): Database {
  const { knex } = connection
  return {
    ...repositories(knex, atRest, privacy),
    transaction: (work) => again(() => knex.transaction((trx) => work(repositories(trx, atRest, privacy)))),
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

function repositories(knex: Knex, atRest: AtRest, privacy: AuditPrivacy): Repositories {
  return {
    users: new SqlUsers(knex),
    emailProofs: new SqlEmailProofs(knex),
    outbox: new SqlOutbox(knex),
    audit: new SqlAudit(knex, atRest, privacy),
    auditChain: new SqlAuditChain(knex, atRest),
    auditKeys: new SqlAuditKeys(knex, atRest),
    clients: new SqlClients(knex),
    initialAccessTokens: new SqlInitialAccessTokens(knex),
    clientDocuments: new SqlClientDocuments(knex),
    consents: new SqlConsents(knex),
    resourceServers: new SqlResourceServers(knex),
    signingKeys: new SqlSigningKeys(knex, atRest),
    settings: new SqlSettings(knex),
    deploymentSecrets: new SqlDeploymentSecrets(knex, atRest),
    failures: new SqlFailures(knex),
    authorizationTypes: new SqlAuthorizationTypes(knex),
    access: new SqlAccess(knex, atRest),
    people: new SqlPeopleDirectory(knex),
    userTransfer: new SqlUserTransfer(knex),
    deletions: new SqlDeletions(knex),
    applications: new SqlClientDirectory(knex),
    trail: new SqlAuditTrail(knex, atRest),
    idempotency: new SqlIdempotency(knex, atRest),
    roles: new SqlRoles(knex),
    applicationRoles: new SqlApplicationRoles(knex),
    deadLetters: new SqlDeadLetters(knex),
    accessDirectory: new SqlAccessDirectory(knex),
    usage: new SqlUsage(knex),
    applied: new SqlAppliedState(knex),
    webhooks: new SqlWebhooks(knex, atRest),
  }
}

/** When rows of the tables here are over. Proofs stay a day longer, so that an old link is "expired", not "unknown". */
const OVER = [
  ['email_proofs', "expires_at <= now() - interval '1 day'"],
  ['usernames', EXPIRED],
  ['idempotency_keys', EXPIRED],
  ['client_secrets', EXPIRED],
  ['failures', "created_at <= now() - interval '1 day'"],
  // Long enough to be looked at.
  ['webhook_deliveries', "created_at <= now() - interval '30 days'"],
  // Likewise; an app that anybody registered can make as many as its users sign out.
  ['outbox', "dead_at <= now() - interval '30 days'"],
] as const

/**
 * Nobody let it in, and nobody allowed it anything (or all took it back): people are asked before any use. What an
 * administrator has blocked stays, so that it stays blocked. What a document says is read again when it is asked for.
 */
const UNUSED = `(admitted_by = 'open' and updated_at <= now() - make_interval(days => $2::int)
    or source = 'document' and updated_at <= now() - interval '1 day')
  and status = 'active' and not exists (select from consents c where c.client_id = clients.id)`

/**
 * Removes up to `batchSize` clients that nobody uses, with all that is theirs; returns how many went.
 * @param days since it registered or changed itself
 */
export async function purgeUnusedClients(
  connection: SqlConnection,
  batchSize: number,
  days: number,
): Promise<number> {
  const { rows } = await connection.query<{ id: string }>({
    name: 'purge.clients',
    text: `select id from clients where ${UNUSED} limit $1::int`,
    values: [batchSize, days],
  })
  let removed = 0
  for (const { id } of rows) if (await removeUnused(connection.knex, id)) removed += 1
  return removed
}

/** Locked first: whoever allows it something at this moment is seen, or waits and finds it gone. */
function removeUnused(knex: Knex, id: string): Promise<boolean> {
  return knex.transaction(async (trx) => {
    const locked = await trx('clients').where({ id }).forUpdate().skipLocked().first('id')
    const used = await trx('consents').where({ client_id: id }).first('user_id')
    return locked !== undefined && used === undefined && new SqlAccess(trx).deleteClient(id)
  })
}

/** Deletes up to `batchSize` rows of each; returns how many went. */
export function purgeExpiredRows(connection: SqlConnection, batchSize: number): Promise<number> {
  return purge(connection, OVER, batchSize)
}
