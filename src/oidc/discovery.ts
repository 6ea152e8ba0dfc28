/** What the discovery document says besides what the engine knows of itself (RFC 8414 2, OpenID Connect Discovery 1.0 3). */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { PROMPTS } from './prompts.ts'
import { CHALLENGE_GRANT, CHALLENGE_PATH, DISCOVERY_PATHS } from './routes.ts'

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
  issuer: string,
  { docs, policy, terms }: OperatorPages,
  documents: boolean,
): Record<string, unknown> {
  return {
    ui_locales_supported: LANGUAGES,
    prompt_values_supported: PROMPTS,
    service_documentation: docs,
    op_policy_uri: policy,
    op_tos_uri: terms,
    authorization_challenge_endpoint: issuer + CHALLENGE_PATH,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    client_id_metadata_document_supported: documents ? true : undefined,
  }
}

/** What the engine says of itself and is not so: our additions only fill gaps. */
export async function corrected(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next()
  if (!DISCOVERY_PATHS.has(ctx.path.toLowerCase().replace(/\/$/, ''))) return
  const body = ctx.body as { grant_types_supported?: string[] } | undefined
  if (!body?.grant_types_supported) return
  Object.assign(body, {
    // No grant type of the token endpoint (RFC 8414 2).
    grant_types_supported: body.grant_types_supported.filter((type) => type !== CHALLENGE_GRANT),
    // People have passwords here, not codes for one app (CIBA Core 1.0 4).
    backchannel_user_code_parameter_supported: false,
  })
}
