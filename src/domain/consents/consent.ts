/** What a person allowed an application, remembered beyond sessions. */
export interface Consent {
  userId: string
  clientId: string
  /** OpenID scopes */
  scopes: string[]
  /** claims asked for by the `claims` parameter */
  claims: string[]
  /** scopes by resource indicator (RFC 8707) */
  resources: Record<string, string[]>
}
