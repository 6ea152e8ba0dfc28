/** The artifact store's statements but for commits (`commit-sql.ts`), generated from the model table. */
import { ARTIFACT_MODELS, type ArtifactModel } from '../artifact-store.ts'
import { MODELS } from './artifact-models.ts'

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

/** What a row looks like to `artifact-rows.ts`; a look-up takes an array of keys and says which one each row is for. */
export function lookupSql(model: ArtifactModel, by: 'id' | 'uid' | 'user_code' = 'id'): string {
  const { table, consumable } = MODELS[model]
  const from = `from unnest($1::bytea[]) with ordinality as x(key, n)
    join ${table} t on t.${by} = x.key and ${alive('t')}`
  const columns = `x.n::int as n, t.id, t.payload::text as payload, ${consumable ? 't.consumed_at' : 'null::timestamptz as consumed_at'},
    extract(epoch from t.expires_at - now())::float8 as seconds_left`
  const successor = model === 'RefreshToken' ? 't.successor' : 'null::bytea as successor'
  if (model !== 'Session')
    return `select ${columns}, ${successor}, null::bytea as uid, null::text as authorizations ${from}`
  // Of the rows of one uid the newest that nothing has replaced.
  const newest = by === 'uid' ? 'and t.successor is null order by t.serial' : ''
  return `select ${columns}, t.successor, t.uid, f.authorizations::text as authorizations ${from}
    left join ${FAMILIES} f on f.uid = t.uid
    where (t.account_id is null or f.ended_at is null) ${newest}`
}

export const FIND_BY_ACCOUNT_SQL = `select t.id, t.payload::text as payload, null::timestamptz as consumed_at,
    null::float8 as seconds_left, null::bytea as successor, t.uid, f.authorizations::text as authorizations
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

/** Skips rows somebody else is working on; ctid spares the second look-up of each id. */
export function purgeSql(table: string): string {
  return `delete from ${table} where ctid = any (array(
    select ctid from ${table} where expires_at <= now() limit $1::int for update skip locked))`
}

export const PURGED_TABLES = [FAMILIES, ...ARTIFACT_MODELS.map((model) => MODELS[model].table)]
