/** What is weak in a client that the rules let pass, and the one change that mends each. Pure: metadata in, words out. */
import { stringsOf } from '../../lib/texts.ts'
import { exchangeContradictions, exchangePolicyOf } from '../exchange/policy.ts'
import type { Client } from './client.ts'
import { contradictions, withProfile } from './profile.ts'
import { pagesElsewhere } from './registration-policy.ts'
import type { ClientSecret } from './secrets.ts'

export interface Weakness {
  /** stable, for scripts */
  code: string
  /** error: it does not work so; warning: somebody could use it; advice: others do better */
  severity: 'error' | 'warning' | 'advice'
  what: string
  change: string
}

const REDIRECTS_MANY = 10

/**
 * Worst first; empty when there is nothing to say.
 * @param secrets those it has, where that is known
 */
export function lint(
  client: Pick<Client, 'metadata' | 'source' | 'firstParty' | 'status'>,
  secrets: readonly ClientSecret[] = [],
): Weakness[] {
  const metadata = withProfile(client.metadata)
  const method = (metadata.token_endpoint_auth_method ?? 'client_secret_basic') as string
  const grants = stringsOf(metadata.grant_types, ['authorization_code'])
  const redirects = stringsOf(metadata.redirect_uris)
  const elsewhere = pagesElsewhere(metadata).map(({ member }) => member)
  const found: (Weakness | false)[] = [
    ...formerInUse(secrets),
    ...contradictions(client.metadata).map(
      ({ member, reason }): Weakness => ({
        code: 'profile-contradicted',
        severity: 'error',
        what: `${member} contradicts the profile "${client.metadata.profile}"`,
        change: `${member} ${reason}`,
      }),
    ),
    ...exchangeContradictions(metadata).map(
      ({ member, reason }): Weakness => ({
        code: 'token-exchange-contradicted',
        severity: 'error',
        what: `${member} contradicts what the client may exchange`,
        change: `${member} ${reason}`,
      }),
    ),
    exchangePolicyOf(metadata.token_exchange)?.mode === 'impersonation' && {
      code: 'exchange-impersonates',
      severity: 'warning',
      what: 'it gets tokens in which nobody sees that it acts for the person',
      change: 'set the mode of token_exchange to "delegation" (RFC 8693 1.1)',
    },
    client.status === 'disabled' && {
      code: 'disabled',
      severity: 'advice',
      what: 'the client is disabled: nobody can use it',
      change: 'enable it, or delete it when it is not coming back',
    },
    redirects.some((uri) => uri.startsWith('http:')) && {
      code: 'redirect-plain-http',
      severity: 'warning',
      what: 'a code may be sent over plain http to this machine',
      change:
        'take http://localhost out of redirect_uris in production; give developers a client of their own',
    },
    metadata.pkce_exempt === true && {
      code: 'pkce-exempt',
      severity: 'warning',
      what: 'it may leave PKCE out, so a code that was stolen is held up only by its nonce check',
      change: 'take pkce_exempt away once its library sends code_challenge (RFC 9700 2.1.1)',
    },
    redirects.length > REDIRECTS_MANY && {
      code: 'redirects-many',
      severity: 'advice',
      what: `${redirects.length} redirect URIs: each is a place where codes may go`,
      change: 'keep those in use',
    },
    elsewhere.length > 0 && {
      code: 'pages-elsewhere',
      severity: 'advice',
      what: `${elsewhere.join(', ')}: at a host that people are not sent back to, so the app may pass for another`,
      change: 'have the logo and the pages at the host of a redirect URI (RFC 7591 5)',
    },
    method === 'none' &&
      grants.includes('refresh_token') &&
      metadata.dpop_bound_access_tokens !== true &&
      metadata.tls_client_certificate_bound_access_tokens !== true && {
        code: 'public-bearer-refresh',
        severity: 'warning',
        what: 'a public client keeps refresh tokens that work for whoever finds them',
        change: 'set dpop_bound_access_tokens to true (RFC 9449 5), which libraries do in the browser',
      },
    method === 'client_secret_post' && {
      code: 'secret-in-body',
      severity: 'advice',
      what: 'the secret travels in the body, where logs of applications find it',
      change: 'use client_secret_basic, or better private_key_jwt (RFC 6749 2.3.1)',
    },
    method.startsWith('client_secret') && {
      code: 'shared-secret',
      severity: 'advice',
      what: 'the client proves itself with a secret that it sends',
      change:
        'use private_key_jwt with jwks_uri (RFC 7523) or a certificate (RFC 8705): the key never leaves the application',
    },
    (method === 'private_key_jwt' || method === 'self_signed_tls_client_auth') &&
      metadata.jwks_uri === undefined && {
        code: 'keys-pinned',
        severity: 'advice',
        what: 'its keys are written down here, so changing them takes a change of the client',
        change: 'publish them at a jwks_uri',
      },
    method.endsWith('tls_client_auth') &&
      metadata.tls_client_certificate_bound_access_tokens !== true &&
      metadata.dpop_bound_access_tokens !== true && {
        code: 'certificate-not-bound',
        severity: 'advice',
        what: 'it proves a certificate for its tokens, and the tokens work without it',
        change: 'set tls_client_certificate_bound_access_tokens to true (RFC 8705 3)',
      },
    grants.includes('authorization_code') &&
      metadata.require_pushed_authorization_requests !== true && {
        code: 'requests-in-addresses',
        severity: 'advice',
        what: 'authorization requests travel in the address bar, where they can be read and changed',
        change: 'set require_pushed_authorization_requests to true once the application uses /par (RFC 9126)',
      },
    grants.includes('authorization_code') &&
      metadata.backchannel_logout_uri === undefined && {
        code: 'no-backchannel-logout',
        severity: 'advice',
        what: 'the application does not hear of it when people sign out elsewhere',
        change: 'set backchannel_logout_uri (OpenID Connect Back-Channel Logout 1.0)',
      },
    client.firstParty &&
      method === 'none' && {
        code: 'first-party-public',
        severity: 'warning',
        what: 'no consent is asked for a client that anybody can pretend to be',
        change: 'make it confidential, or let it ask for consent',
      },
    metadata.subject_type === 'pairwise' &&
      metadata.sector_identifier_uri === undefined && {
        code: 'sector-by-address',
        severity: 'advice',
        what: 'its people are named by the host of its redirect URIs: on another host each is somebody else',
        change:
          'publish a sector_identifier_uri on that host before the application moves (OpenID Connect Core 1.0, 8.1)',
      },
    (metadata.profile === undefined || metadata.profile === 'standard') &&
      client.firstParty &&
      (method === 'private_key_jwt' || method.endsWith('tls_client_auth')) && {
        code: 'profile-within-reach',
        severity: 'advice',
        what: 'it proves a key already, so a stricter profile costs little',
        change: 'set profile to "hardened"',
      },
  ]
  const order = { error: 0, warning: 1, advice: 2 }
  return found
    .filter((one): one is Weakness => one !== false)
    .sort((one, other) => order[one.severity] - order[other.severity])
}

/** Used after it was replaced: when it ends, so does whatever still has it. */
function formerInUse(secrets: readonly ClientSecret[]): Weakness[] {
  return secrets
    .filter(({ id, lastUsedOn }) => id === 'former' && lastUsedOn !== undefined)
    .map(({ lastUsedOn, expiresAt }) => ({
      code: 'former-secret-in-use',
      severity: 'warning',
      what: `the secret before the current one was used on ${lastUsedOn}, and ends on ${expiresAt?.toISOString().slice(0, 10)}`,
      change: 'give every instance of the application the new secret, then revoke the former one',
    }))
}
