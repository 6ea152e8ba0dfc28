import type { Knex } from 'knex'

/** People: who they are, the names they hold, how they prove themselves, what they may do. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table users (
      id text primary key,
      email text not null,
      email_key text not null constraint users_email_key_unique unique,
      email_verified boolean not null default false,
      username text,
      username_key text constraint users_username_key_unique unique,
      status text not null default 'active' constraint users_status_known check (status in ('active', 'disabled')),
      name text,
      given_name text,
      family_name text,
      middle_name text,
      nickname text,
      profile_url text,
      picture_url text,
      website_url text,
      gender text,
      birthdate text,
      zoneinfo text,
      locale text,
      phone_number text,
      phone_number_verified boolean,
      address jsonb,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint users_username_whole check ((username is null) = (username_key is null))
    )`)
  // A name is held by a registration for a while before there is an account, or ever will be.
  await knex.raw(`
    create table usernames (
      username_key text primary key,
      user_id text references users (id) on delete cascade,
      flow text,
      expires_at timestamptz,
      constraint usernames_held_or_expiring check (user_id is not null or expires_at is not null)
    )`)
  await knex.raw('create index usernames_user_id on usernames (user_id)')
  await knex.raw('create index usernames_expires_at on usernames (expires_at) where expires_at is not null')
  await knex.raw(`
    create table passwords (
      user_id text primary key references users (id) on delete cascade,
      phc text not null,
      changed_at timestamptz not null default now()
    )`)
  await knex.raw(`
    create table user_roles (
      user_id text not null references users (id) on delete cascade,
      role text not null,
      created_at timestamptz not null default now(),
      primary key (user_id, role)
    )`)
  await knex.raw('create index user_roles_role on user_roles (role)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table user_roles')
  await knex.raw('drop table passwords')
  await knex.raw('drop table usernames')
  await knex.raw('drop table users')
}
