/**
 * What we ask of client metadata beyond the engine's own schema. Runs for every client that is registered, updated or
 * read; a refusal names the member and what to change (RFC 7591 3.2.2).
 */

import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { AuthorizationTypes } from '../domain/authorization/type.ts'
import { apiAccessFault } from '../domain/clients/api-access.ts'
import { initiateLoginFault } from '../domain/clients/initiate-login.ts'
import { contradictions } from '../domain/clients/profile.ts'
import { sectorProblem } from '../domain/clients/sector.ts'
import { exchangeContradictions } from '../domain/exchange/policy.ts'
import { isPlain, LOOPBACK_HOSTS, stringsOf } from '../lib/texts.ts'
import { checkDetailsTypes } from './authorization-details.ts'
import { CIBA_GRANT } from './ciba.ts'
import { OPERATOR_METADATA } from './client-adapter.ts'
import { weakKey } from './client-keys.ts'
import { frontChannelFault } from './frontchannel.ts'
import { checkBinding, type Mtls } from './mtls.ts'
import { CHALLENGE_GRANT } from './routes.ts'

const WEB_URIS = [
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
  'initiate_login_uri',
  'backchannel_logout_uri',
  'jwks_uri',
  'sector_identifier_uri',
]
/** Grant types that an operator gives and no registration may ask for. */
const OPERATOR_GRANTS = new Set<string>([CHALLENGE_GRANT, CIBA_GRANT])
const TEXT_MAX = 200
const REDIRECT_URIS_MAX = 50

const OPERATORS = new Set<string>(OPERATOR_METADATA)

type Metadata = Record<string, unknown>

/** The engine's validator for extra metadata; must be synchronous. `ctx` is there during registration only. */
export function clientRules(mtls: Mtls | undefined, types: AuthorizationTypes): typeof check {
  return (ctx, member, value, metadata) => {
    checkBinding(mtls, metadata)
    if (member === 'first_party') checkDetailsTypes(types, ctx, metadata)
    check(ctx, member, value, metadata)
  }
}

function check(
  ctx: KoaContextWithOIDC | undefined,
  member: string,
  value: unknown,
  metadata: Metadata,
): void {
  if (ctx !== undefined && value !== undefined && OPERATORS.has(member))
    refuse(`${member} is set by the operator, not by registration`)
  // The engine calls once per extra member; the rules below look at the whole and need to run once.
  if (member !== 'first_party') return
  // Of a stored client the right to exchange may have been taken away: then it may not, and is a client all the same.
  const asksToExchange = ctx !== undefined || metadata.token_exchange !== undefined
  const exchanging = asksToExchange ? exchangeContradictions(metadata) : []
  const [wrong] = [...contradictions(metadata), ...exchanging]
  if (wrong) refuse(`${wrong.member} ${wrong.reason}`)
  const sectorless = sectorProblem(metadata)
  if (sectorless) refuse(sectorless)
  const redirectUris = stringsOf(metadata.redirect_uris)
  const grantTypes = stringsOf(metadata.grant_types)
  const native = metadata.application_type === 'native'
  const reserved = ctx === undefined ? undefined : grantTypes.find((type) => OPERATOR_GRANTS.has(type))
  if (reserved) refuse(`grant_types: ${reserved} is given by the operator, not by registration`)
  if (redirectUris.length > REDIRECT_URIS_MAX)
    refuse(`redirect_uris must have at most ${REDIRECT_URIS_MAX} entries`)
  for (const uri of redirectUris) checkRedirectUri('redirect_uris', uri, native)
  // People are sent there too, after signing out (OpenID Connect RP-Initiated Logout 1.0, 3.1).
  for (const uri of stringsOf(metadata.post_logout_redirect_uris))
    checkRedirectUri('post_logout_redirect_uris', uri, native)
  if (metadata.token_endpoint_auth_method === 'none' && grantTypes.includes('client_credentials'))
    refuse('grant_types must not hold client_credentials for a public client (RFC 6749 4.4)')
  if (metadata.token_endpoint_auth_method === 'none' && grantTypes.includes(CIBA_GRANT))
    refuse('grant_types must not hold urn:openid:params:grant-type:ciba for a public client (CIBA Core 7.1)')
  const fault = frontChannelFault(metadata) ?? initiateLoginFault(metadata) ?? apiAccessFault(metadata)
  if (fault) refuse(fault)
  for (const name of WEB_URIS) {
    const uri = metadata[name]
    if (typeof uri === 'string' && !isWebUri(uri))
      refuse(`${name} must be an https address (http only on loopback)`)
  }
  const weak = weakKey(metadata.jwks)
  if (weak) refuse(`jwks: ${weak}`)
  const name = metadata.client_name
  if (typeof name === 'string' && (name.length > TEXT_MAX || !isPlain(name)))
    refuse(`client_name must be plain text of at most ${TEXT_MAX} characters`)
}

/** OAuth 2.1 section 2.3.1 and RFC 8252: https, or http on loopback, or for native apps a reverse-domain scheme. */
function checkRedirectUri(member: string, uri: string, native: boolean): void {
  const url = URL.parse(uri)
  if (!url) refuse(`${member} must hold absolute URIs`)
  if (url.hash !== '' || uri.includes('#')) refuse(`${member} must not have fragments (RFC 6749 3.1.2)`)
  if (url.username !== '' || url.password !== '') refuse(`${member} must not hold user names`)
  const loopback = url.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname)
  const ownScheme = native && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/i.test(url.protocol)
  if (url.protocol === 'https:' || loopback || ownScheme) return
  refuse(
    `${member}: "${uri}" must be https, http on localhost${native ? ', or a reverse-domain scheme such as org.example.app:/callback' : ''}`,
  )
}

function isWebUri(uri: string): boolean {
  const url = URL.parse(uri)
  return (
    url !== null &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname)))
  )
}

function refuse(description: string): never {
  throw new errors.InvalidClientMetadata(description)
}
