/** The applications of the benchmark, registered alike with every server that is measured. */

export const API = 'urn:ostiary:bench:api'
export const API_SCOPE = 'read'
export const CALLBACK = 'http://localhost:9/callback'
export const SCOPE = 'openid email'

const ALG = { id_token_signed_response_alg: 'ES256' } as const

export const SERVICE = {
  client_id: 'bench-service',
  client_secret: 'a-secret-of-the-benchmark-0123456789-0123456789',
  client_name: 'Benchmark service',
  grant_types: ['client_credentials'],
  response_types: [] as never[],
  redirect_uris: [] as string[],
  token_endpoint_auth_method: 'client_secret_basic' as const,
}

/** Public, so that its refresh tokens rotate on every use. First-party, so that consent is not asked for. */
export const BROWSER_APP = {
  client_id: 'bench-app',
  client_name: 'Benchmark app',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code' as const],
  redirect_uris: [CALLBACK],
  token_endpoint_auth_method: 'none' as const,
  ...ALG,
}

/** Somebody else's: whoever signs in to it for the first time is asked for consent. */
export const FOREIGN_APP = { ...BROWSER_APP, client_id: 'bench-foreign-app', client_name: 'A foreign app' }

export interface Person {
  email: string
  password: string
}

export const ADMINISTRATOR: Person = { email: 'bench@example.org', password: 'a calm keeper of the bench' }
