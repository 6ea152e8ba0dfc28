/** The statements of the artifact store, generated from the model table: one prepared statement per operation. */
import { ARTIFACT_MODELS, type ArtifactModel } from '../artifact-store.ts'
import { MODELS } from './artifact-models.ts'

const ALIVE = '(expires_at is null or expires_at > now())'
const EXPIRES = 'now() + make_interval(secs => $3::float8)'
const FAMILIES = 'oidc_session_families'

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

/** `consumed_at` is left alone: what was used once stays used, whatever is written over it. */
export function upsertSql(model: ArtifactModel): string {
  const { table } = MODELS[model]
  const extra = extraColumns(model)
  const columns = ['payload', 'expires_at', ...extra]
  const values = ['$1', '$2::jsonb', EXPIRES, ...extra.map((column, index) => typed(column, index + 4))]
  const conflict = `on conflict (id) do update set ${columns.map((c) => `${c} = excluded.${c}`).join(', ')}`
  const insert = `insert into ${table} (id, ${columns.join(', ')})`
  if (model !== 'Session') return `${insert} values (${values.join(', ')}) ${conflict}`
  // A session of an account exists only while its family does. The family's row is locked and looked at anew by
  // ON CONFLICT, so a revocation that commits at the same moment either comes first and refuses this write, or
  // waits for it and then removes what it wrote.
  const [account, uid] = [typed('account_id', 4), typed('uid', 5)]
  return `with family as (
      insert into ${FAMILIES} as f (uid, account_id, expires_at)
      select ${uid}, ${account}, ${EXPIRES} where ${account} is not null
      on conflict (uid) do update set account_id = excluded.account_id, expires_at = excluded.expires_at
      where f.ended_at is null
      returning uid)
    ${insert} select ${values.join(', ')} where ${account} is null or exists (select from family) ${conflict}`
}

function typed(column: string, parameter: number): string {
  return `$${parameter}::${column === 'account_id' || column === 'client_id' ? 'text' : 'bytea'}`
}

export function findSql(model: ArtifactModel, by: 'id' | 'uid' | 'user_code' | 'account_id' = 'id'): string {
  const { table, consumable } = MODELS[model]
  const consumed = consumable ? 'consumed_at' : 'null::timestamptz as consumed_at'
  const newest = by === 'uid' ? 'order by serial desc limit 1' : ''
  return `select id, payload, ${consumed} from ${table} where ${by} = $1 and ${ALIVE} ${newest}`
}

export function consumeSql(model: ArtifactModel): string {
  return `update ${MODELS[model].table} set consumed_at = now() where id = $1 and consumed_at is null and ${ALIVE}`
}

/** A row that expired but is not purged yet counts as absent. */
export function claimSql(model: ArtifactModel): string {
  const { table } = MODELS[model]
  return `insert into ${table} as t (id, payload, expires_at) values ($1, $2::jsonb, ${EXPIRES})
    on conflict (id) do update set payload = excluded.payload, expires_at = excluded.expires_at, created_at = now()
    where t.expires_at <= now()`
}

export function destroySql(model: ArtifactModel): string {
  return `delete from ${MODELS[model].table} where id = $1`
}

export function revokeByGrantSql(model: ArtifactModel): string {
  return `delete from ${MODELS[model].table} where grant_id = $1`
}

/** What follows with `:value` runs through knex, in a transaction. */
export const END_FAMILIES_SQL = `update ${FAMILIES}
  set ended_at = now(), expires_at = greatest(expires_at, now() + interval '1 day')
  where account_id = :value and ended_at is null`

export const END_FAMILY_SQL = `update ${FAMILIES}
  set ended_at = now(), expires_at = greatest(expires_at, now() + interval '1 day')
  where uid = :value and ended_at is null`

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
