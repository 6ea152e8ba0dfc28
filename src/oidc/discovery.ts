/** What the discovery document says besides what the engine knows of itself (RFC 8414 2, OpenID Connect Discovery 1.0 3). */

/** Addresses of the operator's own pages; what is not there is not named. */
export interface OperatorPages {
  docs: string | undefined
  policy: string | undefined
  terms: string | undefined
}

/** BCP 47; more when there are more catalogues. */
const LANGUAGES = ['en']

/** @param documents whether a `client_id` may be the address of a document (draft-ietf-oauth-client-id-metadata-document 5) */
export function discovery(
  { docs, policy, terms }: OperatorPages,
  documents: boolean,
): Record<string, unknown> {
  return {
    ui_locales_supported: LANGUAGES,
    service_documentation: docs,
    op_policy_uri: policy,
    op_tos_uri: terms,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    client_id_metadata_document_supported: documents ? true : undefined,
  }
}
