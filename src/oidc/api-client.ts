/**
 * The client behind the API's own sign-in (`/api/v1/auth`): public, because there is nobody but us who could keep a secret of
 * it, and so narrow that to pretend to be it gains nothing: only tokens of our own API, for one's own account.
 */
import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { DeclaredClient } from './declared-clients.ts'
import { isInside } from './first-party/authorize.ts'

export const API_CLIENT = 'ostiary-api'

/** Where no browser ever finds anything; codes are redeemed in this process. */
export function apiRedirect(issuer: string): string {
  return `${issuer}/api/v1/auth/nowhere`
}

export function apiClient(issuer: string): DeclaredClient {
  return {
    client_id: API_CLIENT,
    client_name: 'Sign-in by the API',
    token_endpoint_auth_method: 'none',
    redirect_uris: [apiRedirect(issuer)],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    // None of the claims of a person: the API says who they are.
    scope: 'openid',
    first_party: true,
    first_party_challenge: true,
  }
}

export function isApiClient(client: Pick<Client, 'clientId'> | undefined): boolean {
  return client?.clientId === API_CLIENT
}

/** A session that was begun by the API, and lasts as its settings say. */
export function isApiSignIn(ctx: KoaContextWithOIDC | undefined): boolean {
  return ctx !== undefined && isInside(ctx.req) && isApiClient(ctx.oidc?.client)
}

/** @throws InvalidTarget when it asks for an API that is not our own */
export function keepToOwnApi(client: Client, { source }: { source: string }): void {
  if (isApiClient(client) && source !== 'built-in')
    throw new errors.InvalidTarget('this client may not ask for the resource')
}
