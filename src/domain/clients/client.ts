/** An application, and how it proves what it is. */

/** How it proves itself with a secret that is kept here as a digest (OpenID Connect Core 1.0, 9); the first is the default. */
const SECRET_METHODS = ['client_secret_basic', 'client_secret_post']

export function usesSecret({
  token_endpoint_auth_method: method,
}: Readonly<Record<string, unknown>>): boolean {
  return method === undefined || SECRET_METHODS.includes(String(method))
}

/** An application known to Ostiary. `metadata` is the client metadata of OpenID Connect Dynamic Registration 1.0. */
export interface Client {
  id: string
  /** snake_case client metadata without `client_id` and `client_secret` */
  metadata: Record<string, unknown>
  /** digest of the client secret; undefined for public clients and those with key-based authentication */
  secretDigest: string | undefined
  /** the operator's own application: consent is not asked. Never settable by registration. */
  firstParty: boolean
  /** document: described by what is found at its id (client ID metadata documents) */
  source: 'configuration' | 'registration' | 'document'
  /** disabled: to the protocol it does not exist */
  status: 'active' | 'disabled'
}

/** What registration and the operator's file say about a client; whether it is disabled is none of their business. */
export type ClientSettings = Omit<Client, 'status'>
