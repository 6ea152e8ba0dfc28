import type { Knex } from 'knex'

/** What somebody did to others is looked up by who they are, as what was done by and to themselves is. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    `create index audit_events_by on audit_events ((detail ->> 'by'), id) where detail ->> 'by' like 'usr%'`,
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index audit_events_by')
}
