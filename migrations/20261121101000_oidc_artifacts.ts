import type { Knex } from 'knex'

/**
 * What the protocol engine keeps, one table a kind. Ids, uids and user codes are keyed hashes, never the values.
 * Everything issued under a grant references it: removing the grant removes all of it, whoever else is writing.
 */

const COMMON = `
  id bytea primary key,
  payload jsonb not null,
  expires_at timestamptz,
  created_at timestamptz not null default now()`

const GRANT = 'grant_id bytea references oidc_grants (id) on delete cascade'
const CONSUMED = 'consumed_at timestamptz'
const ACCOUNT = 'account_id text'
const CLIENT = 'client_id text'
/** Which of two came later, where the clock is too coarse to tell (PGlite's counts milliseconds). */
const SERIAL = 'serial bigint generated always as identity'
/** What took this one's place, encrypted under this one's id: only who presents the old value learns the new one. */
const SUCCESSOR = 'successor bytea'
/** Rows that are updated leave room on their page, so that an update touches no index. */
const UPDATED = new Set(['oidc_sessions', 'oidc_refresh_tokens', 'oidc_session_families'])

/** In the order they can be created; dropped in reverse. */
const TABLES: [name: string, columns: string[]][] = [
  ['oidc_grants', [ACCOUNT, CLIENT]],
  ['oidc_sessions', ['uid bytea', ACCOUNT, SERIAL, SUCCESSOR]],
  ['oidc_interactions', [ACCOUNT]],
  ['oidc_authorization_codes', [GRANT, ACCOUNT, CLIENT, CONSUMED]],
  ['oidc_refresh_tokens', [GRANT, ACCOUNT, CLIENT, CONSUMED, SUCCESSOR]],
  ['oidc_access_tokens', [GRANT, ACCOUNT, CLIENT]],
  ['oidc_client_credentials', [CLIENT]],
  [
    'oidc_device_codes',
    [GRANT, ACCOUNT, CLIENT, CONSUMED, 'user_code bytea constraint oidc_device_codes_user_code unique'],
  ],
  ['oidc_backchannel_requests', [GRANT, ACCOUNT, CLIENT, CONSUMED]],
  ['oidc_pushed_requests', [CLIENT, CONSUMED]],
  ['oidc_replay_detections', []],
  ['oidc_initial_access_tokens', []],
  ['oidc_registration_access_tokens', [CLIENT]],
]

export async function up(knex: Knex): Promise<void> {
  for (const [table, columns] of TABLES) {
    const has = (column: string) => columns.includes(column)
    await knex.raw(`create table ${table} (${[COMMON, ...columns].join(', ')})${storage(table)}`)
    await knex.raw(`create index ${table}_expires_at on ${table} using brin (expires_at)`)
    if (has(GRANT)) await knex.raw(`create index ${table}_grant_id on ${table} (grant_id)`)
    // What hangs on a grant is found through it; only what has none needs its own way in.
    const loose = has(GRANT) ? 'where grant_id is null' : ''
    if (has(ACCOUNT)) await knex.raw(`create index ${table}_account_id on ${table} (account_id) ${loose}`)
    if (has(CLIENT)) await knex.raw(`create index ${table}_client_id on ${table} (client_id) ${loose}`)
  }
  await knex.raw('create index oidc_sessions_uid on oidc_sessions (uid)')
  // The engine rotates session ids under one uid. Ending the uid is what keeps a request that is still in flight
  // from writing an ended session back under a new id. What apps a session is signed in to belongs to all its ids
  // together, so that two requests at once add to it instead of overwriting each other; `grants` are those that end
  // with the session.
  await knex.raw(`
    create table oidc_session_families (
      uid bytea primary key,
      account_id text not null,
      authorizations jsonb not null default '{}',
      grants bytea[] not null default '{}',
      ended_at timestamptz,
      expires_at timestamptz
    )${storage('oidc_session_families')}`)
  await knex.raw('create index oidc_session_families_account_id on oidc_session_families (account_id)')
  await knex.raw(
    'create index oidc_session_families_expires_at on oidc_session_families using brin (expires_at)',
  )
}

function storage(table: string): string {
  return UPDATED.has(table) ? ' with (fillfactor = 85)' : ''
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table oidc_session_families')
  for (const [table] of TABLES.toReversed()) await knex.raw(`drop table ${table}`)
}
