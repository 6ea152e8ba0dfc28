import type { Knex } from 'knex'

/**
 * What was kept of making somebody goes with them, by whatever statement they are deleted: the answer under an
 * Idempotency-Key, of which a key is left that fits nothing, so that nobody is made anew by who repeats the request; and
 * the registration, which holds the address.
 */
export async function up(knex: Knex): Promise<void> {
  // No foreign key: somebody who registers has an id before there is an account.
  await knex.raw('alter table idempotency_keys add column person text')
  await knex.raw('create index idempotency_keys_person on idempotency_keys (person) where person is not null')
  await knex.raw(`
    create function users_take_answers() returns trigger language plpgsql as
    $$ begin
      update idempotency_keys set answer = null, fingerprint = '' where person = old.id;
      delete from email_proofs where draft_user_id = old.id;
      return null;
    end $$`)
  await knex.raw(`
    create trigger users_answers after delete on users
    for each row execute function users_take_answers()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger users_answers on users')
  await knex.raw('drop function users_take_answers()')
  await knex.raw('alter table idempotency_keys drop column person')
}
