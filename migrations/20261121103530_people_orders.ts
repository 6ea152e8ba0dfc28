import type { Knex } from 'knex'

/** More orders in which people are listed; who has no username or name comes first. */
const ORDERS = {
  users_by_username: `(coalesce(username_key, '') collate "C"), id`,
  users_by_name: `(coalesce(lower(name), '') collate "C"), id`,
  users_by_change: 'updated_at, id',
}

export async function up(knex: Knex): Promise<void> {
  for (const [name, order] of Object.entries(ORDERS))
    await knex.raw(`create index ${name} on users (${order})`)
}

export async function down(knex: Knex): Promise<void> {
  for (const name of Object.keys(ORDERS)) await knex.raw(`drop index ${name}`)
}
