/**
 * What a file of declarations may hold, by name and type; what values mean is the rules' to say. Names are those of the
 * standards, and of the API. Also as a JSON schema, for editors.
 */
import { z } from 'zod'
import { PROFILES } from '../domain/clients/profile.ts'
import { SIGNING_ALGORITHMS } from '../domain/keys/key.ts'
import { OWN, PERMISSION_NAMES } from '../domain/permissions/permissions.ts'

const text = z.string()
const texts = z.array(z.string())
const flag = z.boolean()
const object = z.record(z.string(), z.unknown())
const state = z
  .enum(['present', 'absent'])
  .optional()
  .describe('absent: take it away; nothing else may stand beside it')
const status = z.enum(['active', 'disabled']).optional()

const all = <T extends z.ZodType>(type: T, names: string) =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, type.optional()]),
  )

/** Client metadata (OpenID Connect Dynamic Registration 1.0, RFC 7591 and others) and what only operators set. */
const METADATA = {
  ...all(
    text,
    `application_type client_name client_uri logo_uri policy_uri tos_uri initiate_login_uri jwks_uri sector_identifier_uri
    subject_type scope token_endpoint_auth_method token_endpoint_auth_signing_alg id_token_signed_response_alg
    id_token_encrypted_response_alg id_token_encrypted_response_enc userinfo_signed_response_alg
    userinfo_encrypted_response_alg userinfo_encrypted_response_enc introspection_signed_response_alg
    introspection_encrypted_response_alg introspection_encrypted_response_enc authorization_signed_response_alg
    authorization_encrypted_response_alg authorization_encrypted_response_enc request_object_signing_alg
    request_object_encryption_alg request_object_encryption_enc backchannel_logout_uri frontchannel_logout_uri
    backchannel_authentication_request_signing_alg backchannel_client_notification_endpoint
    backchannel_token_delivery_mode tls_client_auth_subject_dn tls_client_auth_san_dns tls_client_auth_san_email
    tls_client_auth_san_ip tls_client_auth_san_uri software_id software_version software_statement`,
  ),
  ...all(
    texts,
    `redirect_uris post_logout_redirect_uris grant_types response_types response_modes contacts default_acr_values
    authorization_details_types`,
  ),
  ...all(
    flag,
    `require_auth_time require_pushed_authorization_requests require_signed_request_object dpop_bound_access_tokens
    tls_client_certificate_bound_access_tokens use_mtls_endpoint_aliases backchannel_logout_session_required
    backchannel_user_code_parameter frontchannel_logout_session_required message_signing first_party_challenge
    pkce_exempt`,
  ),
  ...all(z.number(), 'default_max_age'),
  ...all(object, 'jwks token_exchange'),
  profile: z.enum(PROFILES).optional(),
}

/** Members of a client that are metadata. */
export const METADATA_MEMBERS: readonly string[] = Object.keys(METADATA)

const secret = z
  .union([z.strictObject({ env: text }), z.strictObject({ file: text })])
  .describe('where the client secret is: an environment variable or a file; never the secret itself')

const client = z.strictObject({
  ...{ state, status, secret: secret.optional() },
  first_party: flag.optional().describe('your own: people are not asked for consent'),
  ...METADATA,
})

const scope = z.union([text, z.strictObject({ name: text, description: text.optional() })])

const resourceServer = z.strictObject({
  ...{ state, status, name: text.optional(), scopes: z.array(scope).optional() },
  token_format: z.enum(['jwt', 'opaque']).optional(),
  token_ttl: z.int().optional().describe('seconds'),
  signing_algorithm: z.enum(SIGNING_ALGORITHMS).optional(),
  clients: z
    .union([z.literal('all'), texts])
    .optional()
    .describe('who may ask for its tokens'),
  documentation: text.optional(),
  publish_metadata: flag.optional(),
  exchangeable: flag.optional(),
  includes_roles: flag.optional().describe('its tokens tell the roles of people inside the app'),
})

const authorizationType = z.strictObject({
  ...{ status, title: text, template: text, schema: object },
  actions: texts.optional(),
  locations: texts.optional(),
  ask: z.enum(['always', 'session']).optional(),
  self_registered: flag.optional(),
})

const role = z.strictObject({
  ...{ state, description: text.optional() },
  permissions: z
    .array(z.enum(PERMISSION_NAMES))
    .refine((all) => !all.some((name) => OWN.includes(name)), 'must not hold what everybody may anyway')
    .optional(),
})

const applicationRole = z.strictObject({ state, description: text.optional() })

export const SHAPE = z.strictObject({
  $schema: text.optional(),
  clients: z.record(z.string(), client).optional().describe('by client_id'),
  resource_servers: z.record(z.string(), resourceServer).optional().describe('by audience'),
  authorization_types: z.record(z.string(), authorizationType).optional().describe('by type (RFC 9396)'),
  roles: z.record(z.string(), role).optional().describe('of the deployment, by name'),
  application_roles: z
    .record(z.string(), applicationRole)
    .optional()
    .describe('inside an application, by client_id/name'),
})

export type Declarations = z.infer<typeof SHAPE>

/** Names that are known at a place, to guess what was meant. */
export function namesAt([kind, id]: readonly PropertyKey[]): string[] {
  if (kind === undefined) return Object.keys(SHAPE.shape)
  if (id === undefined) return []
  const shapes = {
    ...{ clients: client, resource_servers: resourceServer, authorization_types: authorizationType },
    ...{ roles: role, application_roles: applicationRole },
  }
  return Object.keys(shapes[kind as keyof typeof shapes]?.shape ?? {})
}

export function jsonSchema(): object {
  return z.toJSONSchema(SHAPE, { target: 'draft-2020-12' })
}
