import type { Knex } from 'knex'

/**
 * Roles that owners make beside the built-in ones (which are no rows, so `user_roles` has no foreign key to here); roles
 * inside applications, and who has them; and which APIs want to be told of those.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table roles (
      name text primary key,
      description text not null,
      permissions jsonb not null,
      version bigint not null default 1,
      created_at timestamptz not null default now()
    )`)
  await knex.raw(
    'create trigger roles_version before update on roles for each row execute function count_version()',
  )
  await knex.raw(`
    create table application_roles (
      client_id text not null references clients (id) on delete cascade,
      name text not null,
      description text not null,
      version bigint not null default 1,
      created_at timestamptz not null default now(),
      primary key (client_id, name)
    )`)
  await knex.raw(`
    create trigger application_roles_version before update on application_roles
    for each row execute function count_version()`)
  await knex.raw(`
    create table user_application_roles (
      user_id text not null references users (id) on delete cascade,
      client_id text not null,
      name text not null,
      given_at timestamptz not null default now(),
      primary key (user_id, client_id, name),
      foreign key (client_id, name) references application_roles (client_id, name) on delete cascade
    )`)
  await knex.raw(
    'create index user_application_roles_role on user_application_roles (client_id, name, user_id)',
  )
  await knex.raw('alter table resource_servers add column includes_roles boolean not null default false')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table resource_servers drop column includes_roles')
  await knex.raw('drop table user_application_roles')
  await knex.raw('drop table application_roles')
  await knex.raw('drop table roles')
}
