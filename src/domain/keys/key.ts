/**
 * A key the deployment signs with. `jwk` is the private JSON Web Key in memory; the store seals it at rest.
 * `cookie` keys are symmetric and never published.
 */
export interface SigningKey {
  kid: string
  use: 'token' | 'cookie'
  /** JWS algorithm for token keys */
  alg: string | undefined
  state: 'current'
  /** order within its use: lower signs first */
  position: number
  /** the private JWK (token) or `{ k }` (cookie) */
  jwk: Record<string, unknown>
}
