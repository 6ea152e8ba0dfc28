import type { Knex } from 'knex'

/**
 * What retention took away: statements, signed like the heads of the chain, that name the links whose records are gone.
 * The links stay. A record that is gone and named by none of them was taken by somebody else.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_prunings (
      id bigserial primary key,
      class text not null,
      until timestamptz not null,
      seqs text not null,
      records integer not null,
      kid text not null,
      signature text not null,
      created_at timestamptz not null default now()
    )`)
  await knex.raw(`
    create trigger audit_prunings_append_only before update on audit_prunings
    for each row execute function audit_events_refuse_update()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table audit_prunings')
}
