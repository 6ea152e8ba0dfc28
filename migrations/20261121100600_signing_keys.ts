import type { Knex } from 'knex'

/** Keys the deployment signs with. `sealed` is the private key, encrypted under the deployment's secret. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table signing_keys (
      kid text primary key,
      use text not null,
      alg text,
      state text not null,
      position integer not null,
      sealed bytea not null,
      created_at timestamptz not null default now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table signing_keys')
}
