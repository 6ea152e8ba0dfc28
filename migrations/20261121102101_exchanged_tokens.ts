import type { Knex } from 'knex'

/**
 * An exchanged token (RFC 8693) hangs on the grant of the app whose token it was made of, so it is not among its own
 * client's tokens without a grant: this is the way to it when that client is disabled. Ordinary tokens are not in here.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index oidc_access_tokens_exchanged on oidc_access_tokens (client_id)
      where (payload -> 'under') is not null`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index oidc_access_tokens_exchanged')
}
