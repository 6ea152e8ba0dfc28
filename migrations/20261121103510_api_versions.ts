import type { Knex } from 'knex'

/** An edit of an API names the version that it was made from, as of people and applications. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table resource_servers add column version bigint not null default 1')
  await knex.raw(`
    create trigger resource_servers_version before update on resource_servers
    for each row execute function count_version()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger resource_servers_version on resource_servers')
  await knex.raw('alter table resource_servers drop column version')
}
