/**
 * Ends access for good, in the caller's transaction where there is one. Rows are taken in the order in which requests
 * take them (`commit-sections.ts`: person, session families, single-use artifacts, sign-ins in progress, consents, clients,
 * grants), so that the two wait for each other and do not lock each other out.
 */
import type { Knex } from 'knex'
import type { AccessRevoker, OpenSession } from '../../domain/ports.ts'
import { ARTIFACT_MODELS } from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { MODELS } from './artifact-models.ts'
import * as sql from './artifact-sql.ts'
import { isStorable } from './rows.ts'

export class SqlAccess implements AccessRevoker {
  readonly #knex: Knex
  readonly #atRest: AtRest | undefined

  /** @param atRest finds the grants of a session; needed to end one on a person's behalf */
  constructor(knex: Knex, atRest?: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async revokeAccount(accountId: string): Promise<void> {
    if (!isStorable(accountId)) return
    await this.#run(
      [
        ACCESS_FROM_NOW,
        LOCK_FAMILIES,
        sql.END_FAMILIES_SQL,
        LOCK_OF_ACCOUNT,
        LOCK_SIGN_INS,
        LOCK_CONSENTS,
        REVOKE_BY_ACCOUNT,
      ],
      { value: accountId },
    )
  }

  async revokeClient(clientId: string): Promise<void> {
    if (isStorable(clientId))
      await this.#run([LOCK_OF_CLIENT, REVOKE_BY_CLIENT, REVOKE_EXCHANGED], { value: clientId })
  }

  async deleteClient(clientId: string): Promise<boolean> {
    if (!isStorable(clientId)) return false
    const ending = [LOCK_OF_CLIENT, DELETE_CLIENT, REVOKE_BY_CLIENT, REVOKE_EXCHANGED]
    const [, deleted] = await this.#run(ending, { value: clientId })
    return deleted === 1
  }

  async revokeResource(audience: string): Promise<void> {
    if (isStorable(audience)) await this.#run([REVOKE_BY_AUDIENCE], { value: audience })
  }

  async forgetResource(audience: string): Promise<void> {
    if (!isStorable(audience)) return
    await this.#run([FORGET_IN_CONSENTS, FORGET_IN_GRANTS, REVOKE_BY_AUDIENCE], { value: audience })
  }

  async withdrawConsent(userId: string, clientId: string): Promise<boolean> {
    if (!isStorable(userId) || !isStorable(clientId)) return false
    const pair = { user: userId, client: clientId }
    const [, , , forgotten] = await this.#run(
      [LOCK_FAMILIES_OF_PAIR, LEAVE_FAMILIES, LOCK_OF_PAIR, FORGET_CONSENT, DELETE_GRANTS_OF_PAIR],
      pair,
    )
    return forgotten === 1
  }

  /** One session by the hash of its `uid`; offline access lives on (OpenID Connect Core 1.0, 11). */
  async endFamily(uid: Buffer): Promise<void> {
    await this.#run(
      [sql.END_FAMILY_SQL, LOCK_OF_FAMILY, sql.DELETE_FAMILY_GRANTS_SQL, sql.DELETE_FAMILY_SESSIONS_SQL],
      { value: uid },
    )
  }

  async endSession(userId: string, sessionId: string): Promise<boolean> {
    if (!isStorable(userId)) return false
    const uid = Buffer.from(sessionId, 'base64url')
    return this.#knex.transaction(async (trx) => {
      const { rows } = await trx.raw<{ rows: FamilyRow[] }>(`${OPEN_FAMILIES} and uid = :uid for update`, {
        value: userId,
        uid,
      })
      const [family] = rows
      if (!family) return false
      await trx.raw(LOCK_GRANTED, { granted: this.#granted(family) })
      await new SqlAccess(trx).endFamily(uid)
      await trx.raw(DELETE_GRANTED, { granted: this.#granted(family) })
      return true
    })
  }

  async endSessionOf(userId: string, uid: string): Promise<boolean> {
    for (const id of this.#atRest?.idHashes('Session.uid', uid) ?? [])
      if (await this.endSession(userId, id.toString('base64url'))) return true
    return false
  }

  async openSessions(userId: string): Promise<OpenSession[]> {
    if (!isStorable(userId)) return []
    const { rows } = await this.#knex.raw<{ rows: FamilyRow[] }>(`${OPEN_FAMILIES} order by uid`, {
      value: userId,
    })
    return rows.map(({ uid, authorizations }) => ({
      id: uid.toString('base64url'),
      clientIds: Object.keys(authorizations),
    }))
  }

  /** What was granted in a session as grants are stored, lasting ones too. */
  #granted({ authorizations }: FamilyRow): Buffer[] {
    return Object.values(authorizations).flatMap(({ grantId }) =>
      grantId === undefined ? [] : [...(this.#atRest?.idHashes('Grant', grantId) ?? [])],
    )
  }

  /** One statement after the other: each sees what the ones before waited for. Answers how many rows each changed. */
  async #run(statements: string[], values: Record<string, string | Buffer>): Promise<(number | null)[]> {
    return this.#knex.transaction(async (trx) => {
      const changed: (number | null)[] = []
      for (const statement of statements)
        changed.push((await trx.raw<{ rowCount: number | null }>(statement, values)).rowCount)
      return changed
    })
  }
}

interface FamilyRow {
  uid: Buffer
  authorizations: Record<string, { grantId?: string }>
}

/** First of all: a sign-in that is recorded meanwhile was proven before this second, and is dead by it. */
const ACCESS_FROM_NOW = `update users
  set access_from = greatest(access_from, date_trunc('second', clock_timestamp())) where id = :value`

const OPEN_FAMILIES = `select uid, authorizations from ${sql.FAMILIES}
  where account_id = :value and ended_at is null and ${sql.alive(sql.FAMILIES)}`

const LOCK_FAMILIES = `select uid from ${sql.FAMILIES} where account_id = :value order by uid for update`

const LOCK_FAMILIES_OF_PAIR = LOCK_FAMILIES.replace(':value', ':user')
/** Sessions live on without it; that it was taken off is what tells the application (migration `logout_notices`). */
const LEAVE_FAMILIES = `update ${sql.FAMILIES} set authorizations = authorizations - cast(:client as text)
  where account_id = :user and ended_at is null and authorizations -> :client is not null`

const SINGLE_USE = ARTIFACT_MODELS.filter((model) => MODELS[model].consumable || MODELS[model].taken)

/** Single-use artifacts under the grants that go; and of a client, what it pushed and what it may change itself by. */
function lockSingleUse(ofGrant: string, ofClient?: string): string {
  const locks = SINGLE_USE.flatMap((model) => {
    const { table, underGrant } = MODELS[model]
    if (underGrant)
      return `select t.id from ${table} t join oidc_grants g on g.id = t.grant_id
        where ${ofGrant} order by t.id for update of t`
    return ofClient ? `select t.id from ${table} t where ${ofClient} order by t.id for update` : []
  })
  return `select ${locks.map((lock) => `(select count(*) from (${lock}) locked)`).join(', ')}`
}

const LOCK_OF_ACCOUNT = lockSingleUse('g.account_id = :value')
const LOCK_OF_CLIENT = lockSingleUse('g.client_id = :value', 't.client_id = :value')
const LOCK_OF_PAIR = lockSingleUse('g.account_id = :user and g.client_id = :client')
const LOCK_OF_FAMILY = lockSingleUse(
  `g.id = any (array(select unnest(grants) from ${sql.FAMILIES} where uid = :value))`,
)
const LOCK_GRANTED = lockSingleUse('g.id = any (:granted)')
/** A sign-in that is finished at this moment takes itself off this list before it grants anything. */
const LOCK_SIGN_INS = 'select id from oidc_interactions where account_id = :value order by id for update'
const LOCK_CONSENTS = 'select client_id from consents where user_id = :value order by client_id for update'

const FORGET_CONSENT = 'delete from consents where user_id = :user and client_id = :client'
/** What people allowed it goes with it. */
const DELETE_CLIENT = 'delete from clients where id = :value'
const REVOKE_BY_ACCOUNT = sql.revokeBySql('account_id', ':value')
const REVOKE_BY_CLIENT = sql.revokeBySql('client_id', ':value')
const DELETE_GRANTS_OF_PAIR = 'delete from oidc_grants where account_id = :user and client_id = :client'
const DELETE_GRANTED = 'delete from oidc_grants where id = any (:granted)'
/** What a client made of tokens of others hangs on their grants. */
const REVOKE_EXCHANGED =
  "delete from oidc_access_tokens where client_id = :value and (payload -> 'under') is not null"

/** Rare enough to read the tables from end to end. */
const REVOKE_BY_AUDIENCE = `with tokens_gone as (delete from oidc_access_tokens where payload ->> 'aud' = :value),
    own_gone as (delete from oidc_client_credentials where payload ->> 'aud' = :value)
  select`
const FORGET_IN_CONSENTS = `update consents set resources = resources - cast(:value as text)
  where jsonb_exists(resources, :value)`
const FORGET_IN_GRANTS = `update oidc_grants set payload = payload #- array['resources', :value]
  where jsonb_exists(payload -> 'resources', :value)`
