/**
 * What an application may register as: set by the operator with an initial access token, or by us for strangers where
 * registration is open. Pure: client metadata in, refusals out; each names the member and what is allowed.
 */
import { stringsOf } from '../../lib/texts.ts'
import type { Admission } from './initial-access-token.ts'
import { type Contradiction, contradictions, type Profile, withProfile } from './profile.ts'

/** What is absent is not limited. */
export interface RegistrationPolicy {
  /** hosts that people may be sent to: `app.example.org`, or `*.example.org` for all below it */
  redirectHosts?: readonly string[]
  grantTypes?: readonly string[]
  scopes?: readonly string[]
  authMethods?: readonly string[]
  /** imposed: the application cannot choose another */
  profile?: Profile
  /** a software statement of a trusted issuer is needed (RFC 7591 2.3) */
  softwareStatement?: boolean
  /** the pages and the logo it names are at a host people are sent back to (RFC 7591 5) */
  samePages?: boolean
}

/**
 * For strangers: an application that people sign in to, always with consent (registration sets no `first_party`), which
 * keeps no secret of ours and gets no token of its own.
 */
export const OPEN_POLICY: RegistrationPolicy = {
  grantTypes: ['authorization_code', 'refresh_token'],
  authMethods: ['none', 'private_key_jwt'],
  samePages: true,
}

/** What holds for whom it let in. */
export function policyOf(admission: Admission): RegistrationPolicy {
  if (admission.kind === 'open') return OPEN_POLICY
  return admission.kind === 'token' ? admission.token.policy : {}
}

type Metadata = Readonly<Record<string, unknown>>

const PAGES = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri']
const PEOPLE_ARE_SENT_TO = ['redirect_uris', 'post_logout_redirect_uris', 'initiate_login_uri']

/** What the policy says where the application says nothing. `profile` itself stays out: only we may set it. */
export function underPolicy(policy: RegistrationPolicy, metadata: Metadata): Record<string, unknown> {
  const { profile: _, ...filled } = withProfile({ ...metadata, profile: policy.profile })
  const [method] = policy.authMethods ?? []
  return {
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    ...(policy.scopes === undefined ? {} : { scope: policy.scopes.join(' ') }),
    ...filled,
  }
}

/** Where the metadata (completed by `underPolicy`) goes beyond the policy. */
export function beyondPolicy(policy: RegistrationPolicy, metadata: Metadata): Contradiction[] {
  const found: Contradiction[] = []
  const allowed = (member: string, values: readonly string[], among: readonly string[] | undefined) => {
    const other = among && values.find((value) => !among.includes(value))
    if (other !== undefined)
      found.push({ member, reason: `must not hold "${other}"; allowed: ${among?.join(', ') || 'none'}` })
  }
  for (const member of PEOPLE_ARE_SENT_TO) {
    const uris = stringsOf([metadata[member]].flat())
    const elsewhere = policy.redirectHosts && uris.find((uri) => !isAt(uri, policy.redirectHosts ?? []))
    if (elsewhere !== undefined)
      found.push({
        member,
        reason: `must not hold "${elsewhere}"; allowed hosts: ${policy.redirectHosts?.join(', ') || 'none'}`,
      })
  }
  allowed('grant_types', stringsOf(metadata.grant_types ?? ['authorization_code']), policy.grantTypes)
  allowed(
    'token_endpoint_auth_method',
    [String(metadata.token_endpoint_auth_method ?? 'client_secret_basic')],
    policy.authMethods,
  )
  if (typeof metadata.scope === 'string') allowed('scope', metadata.scope.split(' '), policy.scopes)
  if (policy.samePages) found.push(...pagesElsewhere(metadata))
  if (policy.profile !== undefined) found.push(...contradictions({ ...metadata, profile: policy.profile }))
  return found
}

/** Pages and logos at hosts that the application does not send people back to: it may pass for somebody else's. */
export function pagesElsewhere(metadata: Metadata): Contradiction[] {
  const hosts = stringsOf(metadata.redirect_uris).map(hostOf)
  return PAGES.flatMap((member) => {
    const uri = metadata[member]
    if (typeof uri !== 'string' || hosts.includes(hostOf(uri))) return []
    return [{ member, reason: 'must be at the host of one of the redirect_uris (RFC 7591 5)' }]
  })
}

function isAt(uri: string, hosts: readonly string[]): boolean {
  const host = hostOf(uri)
  return (
    host !== undefined &&
    hosts.some((entry) => (entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry))
  )
}

/** Lower case and without port; undefined for what has no host: in an app's own scheme what stands there is any word. */
function hostOf(uri: string): string | undefined {
  const url = URL.parse(uri)
  return url && /^https?:$/.test(url.protocol) ? url.hostname : undefined
}
