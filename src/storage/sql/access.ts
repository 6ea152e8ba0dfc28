/**
 * Ends access for good, in the caller's transaction where there is one. Rows are taken in the order in which requests
 * take them (person, session families, single-use artifacts, grants), so that the two wait for each other and do not
 * lock each other out.
 */
import type { Knex } from 'knex'
import type { AccessRevoker, OpenSession } from '../../domain/ports.ts'
import { ARTIFACT_MODELS } from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { MODELS } from './artifact-models.ts'
import * as sql from './artifact-sql.ts'
import { isStorable } from './rows.ts'

type Values = Record<string, string | Buffer | Buffer[]>

export class SqlAccess implements AccessRevoker {
  readonly #knex: Knex
  readonly #atRest: AtRest | undefined

  /** @param atRest finds the grants of a session; needed to end one on a person's behalf */
  constructor(knex: Knex, atRest?: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async revokeAccount(accountId: string): Promise<void> {
    await this.#together(
      [ACCESS_FROM_NOW, sql.END_FAMILIES_SQL, LOCK_OF_ACCOUNT, REVOKE_BY_ACCOUNT],
      accountId,
    )
  }

  async revokeClient(clientId: string): Promise<void> {
    await this.#together([LOCK_OF_CLIENT, REVOKE_BY_CLIENT], clientId)
  }

  async revokeGrants(userId: string, clientId: string): Promise<void> {
    if (!isStorable(userId) || !isStorable(clientId)) return
    await this.#run([LOCK_OF_PAIR, DELETE_GRANTS_OF_PAIR], { user: userId, client: clientId })
  }

  /** One session by the hash of its `uid`; offline access lives on (OpenID Connect Core 1.0, 11). */
  async endFamily(uid: Buffer): Promise<void> {
    await this.#together(
      [sql.END_FAMILY_SQL, LOCK_OF_FAMILY, sql.DELETE_FAMILY_GRANTS_SQL, sql.DELETE_FAMILY_SESSIONS_SQL],
      uid,
    )
  }

  async endSession(userId: string, sessionId: string): Promise<boolean> {
    const uid = Buffer.from(sessionId, 'base64url')
    return this.#knex.transaction(async (trx) => {
      const { rows } = await trx.raw<{ rows: FamilyRow[] }>(`${OPEN_FAMILIES} and uid = :uid for update`, {
        value: userId,
        uid,
      })
      const [family] = rows
      if (!family) return false
      const access = new SqlAccess(trx, this.#atRest)
      await access.endFamily(uid)
      await access.#run([LOCK_GRANTED, DELETE_GRANTED], { value: this.#granted(family) })
      return true
    })
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

  async #together(statements: string[], value: string | Buffer): Promise<void> {
    if (typeof value === 'string' && !isStorable(value)) return
    await this.#run(statements, { value })
  }

  /** One statement after the other: each sees what the ones before waited for. */
  async #run(statements: string[], values: Values): Promise<void> {
    await this.#knex.transaction(async (trx) => {
      for (const statement of statements) await trx.raw(statement, values)
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

const SINGLE_USE = ARTIFACT_MODELS.filter((model) => MODELS[model].consumable && MODELS[model].underGrant)

/** Single-use artifacts under the grants that go: whoever is using one at this moment locks it before its grant. */
function lockSingleUse(grants: string): string {
  const locks = SINGLE_USE.map(
    (model) => `(select count(*) from (select t.id from ${MODELS[model].table} t
      join oidc_grants g on g.id = t.grant_id where ${grants} order by t.id for update of t) locked)`,
  )
  return `select ${locks.join(', ')}`
}

const LOCK_OF_ACCOUNT = lockSingleUse('g.account_id = :value')
const LOCK_OF_CLIENT = lockSingleUse('g.client_id = :value')
const LOCK_OF_PAIR = lockSingleUse('g.account_id = :user and g.client_id = :client')
const LOCK_OF_FAMILY = lockSingleUse(
  `g.id = any (array(select unnest(grants) from ${sql.FAMILIES} where uid = :value))`,
)
const LOCK_GRANTED = lockSingleUse('g.id = any (:value)')

const REVOKE_BY_ACCOUNT = sql.revokeBySql('account_id', ':value')
const REVOKE_BY_CLIENT = sql.revokeBySql('client_id', ':value')
const DELETE_GRANTS_OF_PAIR = 'delete from oidc_grants where account_id = :user and client_id = :client'
const DELETE_GRANTED = 'delete from oidc_grants where id = any (:value)'
