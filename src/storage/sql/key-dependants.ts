/**
 * What only a former data key recognises. A keyed hash does not say which key made it; when its row was made does: a
 * row keeps the hash it was inserted under.
 */
import type { Knex } from 'knex'
import { ARTIFACT_MODELS } from '../artifact-store.ts'
import type { Dependants } from '../at-rest.ts'
import { MODELS } from './artifact-models.ts'
import { alive, FAMILIES } from './artifact-sql.ts'

/** Nodes begin to use a version within moments of each other, not at one; counted as depending in doubt. */
const SLACK_SECONDS = 60

/** of the version that is written with now */
const ACTIVE_SINCE = '(select activate_at from data_keys where version = ?)'

const ARTIFACTS = [
  { what: 'session families', table: FAMILIES },
  ...ARTIFACT_MODELS.map((model) => ({ what: wordsOf(model), table: MODELS[model].table })),
]

const TOKENS = 'initial_access_tokens'
const USABLE =
  'revoked_at is null and (expires_at is null or expires_at > now()) and uses_left is distinct from 0'

export async function countDependants(
  knex: Knex,
  current: { version: number; pepperId: string },
): Promise<Dependants[]> {
  const count = async (what: string, sql: string, values: (string | number)[]) => {
    const { rows } = await knex.raw(`select count(*)::int as count from ${sql}`, values)
    return { what, count: (rows as { count: number }[])[0]?.count ?? 0 }
  }
  const before = `created_at < ${ACTIVE_SINCE} + interval '${SLACK_SECONDS} seconds'`
  const found = [
    await count('passwords', `passwords where phc like '%,keyid=%' and phc not like ?`, [
      `%,keyid=${current.pepperId}$%`,
    ]),
    await count('imported passwords', `passwords where phc like '$sealed$%' and phc not like ?`, [
      `$sealed$v=${current.version}$%`,
    ]),
    await count('client secrets', `clients where secret_digest is not null and secret_digest not like ?`, [
      `hmac-sha256:${current.version}:%`,
    ]),
    await count('former client secrets', `client_secrets where expires_at > now() and digest not like ?`, [
      `hmac-sha256:${current.version}:%`,
    ]),
    await count('mail links', `email_proofs where consumed_at is null and expires_at > now() and ${before}`, [
      current.version,
    ]),
  ]
  found.push(
    await count('initial access tokens of operators', `${TOKENS} where ${USABLE} and ${before}`, [
      current.version,
    ]),
  )
  for (const { what, table } of ARTIFACTS)
    found.push(await count(what, `${table} t where ${alive('t')} and t.${before}`, [current.version]))
  return found
}

/** Artifacts nobody can present any more once the former key is gone. What hangs on a grant goes with it. */
export async function dropDependants(knex: Knex, current: number, limit: number): Promise<number> {
  let dropped = 0
  for (const { table } of ARTIFACTS) {
    const { rowCount } = await knex.raw(
      `delete from ${table} where ctid = any (array(select ctid from ${table} where created_at < ${ACTIVE_SINCE} limit ?))`,
      [current, limit],
    )
    dropped += rowCount
  }
  // Its policy still holds for the clients it let in.
  const { rowCount } = await knex.raw(
    `update ${TOKENS} set revoked_at = now() where ctid = any (array(
      select ctid from ${TOKENS} where ${USABLE} and created_at < ${ACTIVE_SINCE} limit ?))`,
    [current, limit],
  )
  return dropped + rowCount
}

/** "RefreshToken" as "refresh tokens". */
function wordsOf(model: string): string {
  return `${model.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()}s`
}
