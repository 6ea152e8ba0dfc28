import type { Knex } from 'knex'

/**
 * There was an owner: there is one. Whatever removes the last one (a role taken, an account disabled or deleted) is
 * refused with SQLSTATE OS001. The lock makes two removals at once follow each other, so that the second sees the first.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function keep_an_owner() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(7126045);
      if not exists (select 1 from user_roles r join users u on u.id = r.user_id
          where r.role = 'owner' and u.status = 'active') then
        raise exception 'the last owner stays' using errcode = 'OS001';
      end if;
      return null;
    end $$`)
  await knex.raw(`
    create function keep_an_active_owner() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from user_roles where user_id = new.id and role = 'owner') then
        perform pg_advisory_xact_lock(7126045);
        if not exists (select 1 from user_roles r join users u on u.id = r.user_id
            where r.role = 'owner' and u.status = 'active') then
          raise exception 'the last owner stays' using errcode = 'OS001';
        end if;
      end if;
      return null;
    end $$`)
  await knex.raw(`
    create trigger user_roles_keep_an_owner after delete on user_roles
    for each row when (old.role = 'owner') execute function keep_an_owner()`)
  await knex.raw(`
    create trigger users_keep_an_owner after update of status on users
    for each row when (old.status = 'active' and new.status <> 'active') execute function keep_an_active_owner()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger users_keep_an_owner on users')
  await knex.raw('drop trigger user_roles_keep_an_owner on user_roles')
  await knex.raw('drop function keep_an_active_owner()')
  await knex.raw('drop function keep_an_owner()')
}
