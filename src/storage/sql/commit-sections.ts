/**
 * The parts of a commit, one for each kind of write and table, in the order in which they stand in the statement: first
 * what must hold, then what is only written where it held. Put together in `commit-sql.ts`.
 */
import { ARTIFACT_MODELS, type ArtifactModel } from '../artifact-store.ts'
import { MODELS, type ModelTable } from './artifact-models.ts'
import { alive, extraColumns, FAMILIES } from './artifact-sql.ts'
import { AUDIT_COLUMNS, auditSql } from './audit-sql.ts'
import { ADMIT } from './commit-admission.ts'
import { CONSENT, OUTBOX } from './commit-approval.ts'
import type { Write } from './writes.ts'

/** How long a rotated session id still leads to its successor: two tabs, one of which signed in. */
export const ALIAS_SECONDS = 15

const TAKEN: Section['columns'] = [
  ['clients_taken', 'text'],
  ['grants_taken', 'text'],
]
const TEXT_COLUMNS = new Set(['account_id', 'client_id'])
const REPLAYS = MODELS.ReplayDetection.table

export interface Section {
  /** parameters: name and type of each column; `unit` is added */
  columns: [name: string, type: string][]
  row(write: Write): unknown[]
  /**
   * @param from the section's parameters as a table `x`
   * @param standing condition: the unit has not lost so far
   */
  sql(from: string, standing: string): string
  /** for conditions: the units that lost by it, as `unit, cause` */
  lost?(from: string): string
}

/** In the order of the statement: conditions first. */
export const SECTIONS: ReadonlyMap<string, Section> = new Map<string, Section>([
  ['lock', lock()],
  ['claim.ReplayDetection', claim()],
  ...each('use', use, ({ consumable }) => consumable === true),
  ...each('take', take, ({ taken }) => taken === true),
  ['admit', ADMIT],
  ['consent', CONSENT],
  ['family.add', family(false)],
  ['family.take', family(true)],
  ['client.new', client(true)],
  ['client.changed', client(false)],
  ...each('put', put),
  ...each('destroy', destroy),
  ...each('revoke', revoke, ({ underGrant }) => underGrant === true),
  ['rotate.Session', rotate()],
  ['outbox', OUTBOX],
  ['audit', audit()],
])

function each(
  kind: string,
  section: (model: ArtifactModel) => Section,
  where: (table: ModelTable) => boolean = () => true,
): [string, Section][] {
  return ARTIFACT_MODELS.filter((model) => where(MODELS[model])).map((model) => [
    `${kind}.${model}`,
    section(model),
  ])
}

/**
 * Families of the sessions at hand, locked: one that ends at this moment ends before or after, never in between. And no
 * grant of one takes the place of another that the request has not seen.
 */
function lock(): Section {
  return {
    columns: [
      ['uid', 'bytea'],
      ['must', 'bool'],
      ['expected', 'text'],
    ],
    row: (write) => [
      (write as Of<'guard' | 'family'>).uid,
      write.kind === 'guard',
      write.kind === 'family' ? write.expected : '{}',
    ],
    sql: (from) => `locked as materialized (
      select f.uid, f.ended_at, f.authorizations from ${FAMILIES} f where f.uid in (select x.uid from ${from}) order by f.uid for update)`,
    lost: (from) => `select x.unit, 'Session' as cause from ${from} left join locked l on l.uid = x.uid
      where l.ended_at is not null or (x.must and l.uid is null)
      union all select x.unit, 'Grant' from ${from} left join locked l on l.uid = x.uid
      cross join lateral jsonb_each_text(x.expected::jsonb) as e(client, grant_id)
      where l.ended_at is null and (l.authorizations -> e.client ->> 'grantId') is distinct from e.grant_id`,
  }
}

/** A row that expired but is not purged yet counts as absent. */
function claim(): Section {
  return {
    columns: [
      ['id', 'bytea'],
      ['payload', 'text'],
      ['ttl', 'float8'],
    ],
    row: (write) => {
      const { id, payload, ttl } = write as Of<'claim'>
      return [id, payload, ttl]
    },
    sql: (from, standing) => `claimed as (
      insert into ${REPLAYS} as t (id, payload, expires_at)
      select x.id, x.payload::jsonb, ${expires('x.ttl')} from ${from} where ${standing}
      on conflict (id) do update set payload = excluded.payload, expires_at = excluded.expires_at, created_at = now()
      where t.expires_at <= now() returning t.id)`,
    lost: (from) =>
      `select x.unit, 'ReplayDetection' as cause from ${from} where x.id not in (select id from claimed)`,
  }
}

function use(model: ArtifactModel): Section {
  const { table } = MODELS[model]
  const successor = model === 'RefreshToken' ? ', successor = x.successor' : ''
  return {
    columns: [
      ['id', 'bytea'],
      ['successor', 'bytea'],
    ],
    row: (write) => [(write as Of<'use'>).id, (write as Of<'use'>).successor],
    sql: (from, standing) => `used_${table} as (
      update ${table} t set consumed_at = now()${successor} from ${from}
      where t.id = x.id and t.consumed_at is null and ${alive('t')} and ${standing} returning x.unit)`,
    // By unit, not by row: while two id keys are valid a row is named under both.
    lost: (from) => `select distinct x.unit, '${model}' as cause from ${from}
      where x.unit not in (select unit from used_${table})`,
  }
}

/** A row that is removed by whoever uses it. */
function take(model: ArtifactModel): Section {
  const { table } = MODELS[model]
  return {
    columns: [['id', 'bytea']],
    row: (write) => [(write as Of<'take'>).id],
    sql: (from, standing) => `taken_${table} as (
      delete from ${table} t using ${from}
      where t.id = x.id and ${alive('t')} and ${standing} returning x.unit)`,
    lost: (from) => `select distinct x.unit, '${model}' as cause from ${from}
      where x.unit not in (select unit from taken_${table})`,
  }
}

/** Requests of other tabs add to it meanwhile: what is not taken off stays. */
function family(takes: boolean): Section {
  const without = (column: string, from: string) =>
    `array(select jsonb_array_elements_text(x.${column}::jsonb) from ${from} where x.uid = f.uid)`
  return {
    columns: [
      ['uid', 'bytea'],
      ['account', 'text'],
      ['ttl', 'float8'],
      ['authorizations', 'text'],
      ['grants', 'text'],
      ...(takes ? TAKEN : []),
    ],
    row: (write) => {
      const { uid, account, ttl, authorizations, grants, taken } = write as Of<'family'>
      return [uid, account, ttl, authorizations, grants, ...(taken ? [taken.clients, taken.grants] : [])]
    },
    sql: (from, standing) => `families_${takes ? 'left' : 'joined'} as (
      insert into ${FAMILIES} as f (uid, account_id, expires_at, authorizations, grants)
      select x.uid, x.account, ${expires('x.ttl')}, x.authorizations::jsonb,
        array(select decode(g.id, 'hex') from jsonb_array_elements_text(x.grants::jsonb) as g(id))
      from ${from} where ${standing}
      on conflict (uid) do update set account_id = excluded.account_id, expires_at = excluded.expires_at,
        authorizations = (f.authorizations || excluded.authorizations)${takes ? ` - ${without('clients_taken', from)}` : ''},
        grants = array(select unnest(f.grants || excluded.grants)
          ${takes ? `except select decode(g, 'hex') from unnest(${without('grants_taken', from)}) as g` : 'group by 1'})
      where f.ended_at is null)`,
  }
}

/** `consumed_at` is left alone: what was used once stays used, whatever is written over it. */
function put(model: ArtifactModel): Section {
  const { table } = MODELS[model]
  const extra = extraColumns(model)
  const columns = ['payload', 'expires_at', ...extra]
  const unreplaced = model === 'Session' ? `where ${table}.successor is null` : ''
  return {
    columns: [
      ['id', 'bytea'],
      ['payload', 'text'],
      ['ttl', 'float8'],
      ...extra.map((column): [string, string] => [column, TEXT_COLUMNS.has(column) ? 'text' : 'bytea']),
    ],
    row: (write) => {
      const { id, payload, ttl, extra } = write as Of<'put'>
      return [id, payload, ttl, ...extra]
    },
    sql: (from, standing) => `put_${table} as (
      insert into ${table} (id, ${columns.join(', ')})
      select x.id, x.payload::jsonb, ${expires('x.ttl')}${extra.map((column) => `, x.${column}`).join('')}
      from ${from} where ${standing}
      on conflict (id) do update set ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}
      ${unreplaced})`,
  }
}

function destroy(model: ArtifactModel): Section {
  const { table } = MODELS[model]
  return {
    columns: [['id', 'bytea']],
    row: (write) => [(write as Of<'destroy'>).id],
    sql: (from, standing) =>
      `gone_${table} as (delete from ${table} t using ${from} where t.id = x.id and ${standing})`,
  }
}

function revoke(model: ArtifactModel): Section {
  const { table } = MODELS[model]
  return {
    columns: [['id', 'bytea']],
    row: (write) => [(write as Of<'revoke'>).grant],
    sql: (from, standing) =>
      `revoked_${table} as (delete from ${table} t using ${from} where t.grant_id = x.id and ${standing})`,
  }
}

function rotate(): Section {
  return {
    columns: [
      ['id', 'bytea'],
      ['successor', 'bytea'],
    ],
    row: (write) => [(write as Of<'rotate'>).id, (write as Of<'rotate'>).successor],
    sql: (from, standing) => `rotated as (
      update oidc_sessions t set successor = x.successor,
        expires_at = least(t.expires_at, now() + interval '${ALIAS_SECONDS} seconds')
      from ${from} where t.id = x.id and t.successor is null and ${standing})`,
  }
}

function client(isNew: boolean): Section {
  return {
    columns: [
      ['id', 'text'],
      ['metadata', 'text'],
      ['secret', 'text'],
      ['admitted_by', 'text'],
    ],
    row: (write) => {
      const { id, metadata, secretDigest, admittedBy } = write as Of<'client'>
      return [id, metadata, secretDigest, admittedBy]
    },
    sql: (from, standing) =>
      isNew
        ? `clients_new as (
      insert into clients (id, metadata, secret_digest, source, admitted_by)
      select x.id, x.metadata::jsonb, x.secret, 'registration', x.admitted_by from ${from} where ${standing})`
        : `clients_changed as (
      update clients c set metadata = x.metadata::jsonb, secret_digest = x.secret, updated_at = now()
      from ${from} where c.id = x.id and ${standing})`,
  }
}

function audit(): Section {
  return {
    columns: AUDIT_COLUMNS.map((column) => [column, 'text']),
    row: (write) => AUDIT_COLUMNS.map((column) => (write as Of<'audit'>).columns[column]),
    sql: auditSql,
  }
}

type Of<Kind extends Write['kind']> = Extract<Write, { kind: Kind }>

/** No lifetime: no expiry. */
function expires(seconds: string): string {
  return `now() + make_interval(secs => ${seconds})`
}
