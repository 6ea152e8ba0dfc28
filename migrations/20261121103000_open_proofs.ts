import type { Knex } from 'knex'

/** A registration is looked up by the id that its account will have. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    'create index email_proofs_draft_user_id on email_proofs (draft_user_id) where draft_user_id is not null',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index email_proofs_draft_user_id')
}
