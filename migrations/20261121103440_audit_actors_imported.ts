import type { Knex } from 'knex'

const OURS = `detail ->> 'by' like 'usr%'`

/** Who was imported may have a UUID instead of an id of ours, and did what they did all the same. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('drop index audit_events_by')
  await knex.raw(`
    create index audit_events_by on audit_events ((detail ->> 'by'), id)
    where (${OURS} or detail ->> 'by' like '________-____-____-____-____________')`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index audit_events_by')
  await knex.raw(`create index audit_events_by on audit_events ((detail ->> 'by'), id) where ${OURS}`)
}
