/** The artifact store's statements but for commits (`commit-sql.ts`), generated from the model table. */
import { ARTIFACT_MODELS, type ArtifactModel } from '../artifact-store.ts'
import { MODELS } from './artifact-models.ts'
import { foundColumns, type Lookup } from './loader.ts'
import { EXPIRED } from './purge.ts'

export const FAMILIES = 'oidc_session_families'

/** Columns written from the payload, after id, payload and expiry; their order is the order of the parameters. */
export function extraColumns(model: ArtifactModel): string[] {
  const { underGrant, accountOf, clientOf } = MODELS[model]
  return [
    ...(underGrant ? ['grant_id'] : []),
    ...(accountOf ? ['account_id'] : []),
    ...(clientOf ? ['client_id'] : []),
    ...(model === 'Session' ? ['uid'] : []),
    ...(model === 'DeviceCode' ? ['user_code'] : []),
  ]
}

/** One row by its id, its uid or its user code. */
export function artifactLookup(model: ArtifactModel, by: 'id' | 'uid' | 'user_code' = 'id'): Lookup {
  const { table, consumable } = MODELS[model]
  const columns = foundColumns({
    payload: 't.payload::text',
    seconds_left: 'extract(epoch from t.expires_at - now())::float8',
    ...(by === 'id' ? {} : { id: 't.id' }),
    ...(consumable ? { consumed_at: 't.consumed_at' } : {}),
    ...(model === 'RefreshToken' || model === 'Session' ? { successor: 't.successor' } : {}),
    ...(model === 'Session' ? { uid: 't.uid', authorizations: 'f.authorizations::text' } : {}),
  })
  const found = `t.${by} = x.key and ${alive('t')}`
  // Of the rows of one uid the newest that nothing has replaced.
  const newest = `cross join lateral (select * from ${table} t
    where ${found} and t.successor is null order by t.serial desc limit 1) t`
  const family = `left join ${FAMILIES} f on f.uid = t.uid where t.account_id is null or f.ended_at is null`
  return {
    name: `${model}.${by}`,
    type: 'bytea',
    select: (from) =>
      `${columns} from ${from} ${by === 'uid' ? newest : `join ${table} t on ${found}`} ${model === 'Session' ? family : ''}`,
  }
}

export const FIND_BY_ACCOUNT_SQL = `select t.id, t.payload::text as payload, null::timestamptz as consumed_at,
    f.authorizations::text as authorizations
  from oidc_sessions t join ${FAMILIES} f on f.uid = t.uid and f.ended_at is null
  where t.account_id = $1 and t.successor is null and ${alive('t')}`

export function alive(table: string): string {
  return `(${table}.expires_at is null or ${table}.expires_at > now())`
}

/** What follows with `:value` runs through knex, in a transaction. */
export const END_FAMILIES_SQL = `update ${FAMILIES}
  set ended_at = now(), expires_at = greatest(expires_at, now() + interval '1 day')
  where account_id = :value and ended_at is null`

export const END_FAMILY_SQL = `update ${FAMILIES}
  set ended_at = now(), expires_at = greatest(expires_at, now() + interval '1 day')
  where uid = :value and ended_at is null`

/** What was granted in this session goes with it, and all that was issued under it; offline access stays. */
export const DELETE_FAMILY_GRANTS_SQL = `delete from oidc_grants g using ${FAMILIES} f
  where f.uid = :value and g.id = any (f.grants)`

export const DELETE_FAMILY_SESSIONS_SQL = 'delete from oidc_sessions where uid = :value'

/** Everything that belongs to an account or a client, in one statement; what hangs on a grant goes with the grant. */
export function revokeBySql(owner: 'account_id' | 'client_id', value: string): string {
  const tables = ARTIFACT_MODELS.filter((model) => extraColumns(model).includes(owner)).map((model) => {
    const { table, underGrant } = MODELS[model]
    return `${table}_gone as (delete from ${table} where ${owner} = ${value}${underGrant ? ' and grant_id is null' : ''})`
  })
  return `with ${tables.join(', ')} select`
}

export const PURGED = [FAMILIES, ...ARTIFACT_MODELS.map((model) => MODELS[model].table)].map(
  (table) => [table, EXPIRED] as const,
)
