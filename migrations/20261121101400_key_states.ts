import type { Knex } from 'knex'

/**
 * Keys that follow one another: `state` is next, current, retiring or retired, `since` when it began to be that. What
 * signs is decided by the state and no longer by a position.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table signing_keys add column since timestamptz not null default clock_timestamp()')
  await knex.raw('update signing_keys set since = created_at')
  // There were two cookie keys, of which the first signed.
  await knex.raw(`
    update signing_keys k set state = 'retiring', since = clock_timestamp()
    where exists (select 1 from signing_keys o
      where o.use = k.use and o.alg is not distinct from k.alg and (o.position, o.kid) < (k.position, k.kid))`)
  await knex.raw('alter table signing_keys drop column position')
  await knex.raw(`
    alter table signing_keys add constraint signing_keys_state_is_known
      check (state in ('next', 'current', 'retiring', 'retired'))`)
  await knex.raw(`
    create unique index signing_keys_one_of_a_line on signing_keys (use, coalesce(alg, ''), state)
      where state in ('next', 'current')`)
}

/** Only what signs or is looked at stays: the version before signs with every key it has, the first one first. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index signing_keys_one_of_a_line')
  await knex.raw('alter table signing_keys drop constraint signing_keys_state_is_known')
  await knex.raw(`delete from signing_keys where state = 'retired'`)
  await knex.raw('alter table signing_keys add column position integer')
  await knex.raw(`
    update signing_keys k set position = o.position, state = 'current'
    from (select kid, row_number() over (partition by use order by
        array_position(array['current', 'retiring', 'next'], state),
        array_position(array['ES256', 'RS256', 'PS256', 'EdDSA'], alg), since desc) - 1 as position
      from signing_keys) o
    where o.kid = k.kid`)
  await knex.raw('alter table signing_keys alter column position set not null')
  await knex.raw('alter table signing_keys drop column since')
}
