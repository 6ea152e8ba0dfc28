/** The apps of the mirror: as the provider knows them, and what they prove themselves with. */
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import type { DeclaredClient } from '../../../src/oidc/declared-clients.ts'

export const CALLBACK = 'http://localhost:9/callback'
export const SECURE_CALLBACK = 'https://app.example/callback'
export const SIGNED_OUT = 'http://localhost:9/signed-out'
/** where the browser of the mirror stops */
export const isCallback = (url: string) => /^(http:\/\/localhost:9|https:\/\/app\.example)\//.test(url)

export interface Party {
  id: string
  redirectUri: string
  auth: 'basic' | 'post' | 'key' | 'none'
  secret?: string
  key?: CryptoKey
  alg?: string
}

const secretOf = (id: string) => `a-secret-of-the-mirrors-app-${id}-0123456789`
const withSecret = (id: string, auth: 'basic' | 'post' = 'basic'): Party => ({
  ...{ id, redirectUri: CALLBACK, auth, secret: secretOf(id) },
})
const withKey = (id: string, redirectUri = SECURE_CALLBACK): Party => ({
  ...{ id, redirectUri, auth: 'key', alg: 'ES256' },
})

export const WEB = withSecret('web')
export const OTHER = withSecret('other')
export const POST = withSecret('post', 'post')
/** an app nobody consented to */
export const FRESH = withSecret('fresh')
export const SPA: Party = { id: 'spa', redirectUri: CALLBACK, auth: 'none' }
export const JWT = withKey('jwt', CALLBACK)
export const FAPI = withKey('fapi')
export const FAPI_OTHER = withKey('fapi-other')
export const SIGNED = withKey('signed')
export const LISTENS = withSecret('listens')
export const LISTENS_TOO = withSecret('listens-too')
export const ES256 = withSecret('es256')
/** signs people in that begin at the provider */
export const OPENED: Party = { ...withSecret('opened'), redirectUri: SECURE_CALLBACK }
export const ENTRANCE = 'https://app.example/begin?from=op'
/** hears of sign-outs in a frame */
export const FRAMED = withSecret('framed')
export const FRAME = 'http://localhost:9/framed/out'
export const PAIRWISE = withSecret('pairwise')
/** of the same host as `PAIRWISE` */
export const PAIRWISE_TOO = withSecret('pairwise-too')
/** needs no PKCE, by the operator's word */
export const EXEMPT = withSecret('exempt')

const KEYED = [JWT, FAPI, FAPI_OTHER, SIGNED]

/**
 * The clients as an operator would declare them. Makes the keys of those that have one.
 * @param listener origin of the back-channel end
 */
export async function declaredClients(listener: string): Promise<DeclaredClient[]> {
  const jwks = new Map<Party, { keys: JWK[] }>()
  for (const party of KEYED) {
    const pair = await generateKeyPair('ES256', { extractable: true })
    party.key = pair.privateKey
    const jwk = await exportJWK(pair.publicKey)
    jwks.set(party, { keys: [{ ...jwk, kid: party.id, alg: 'ES256', use: 'sig' }] })
  }
  const declare = (party: Party, more: Record<string, unknown> = {}): DeclaredClient => ({
    client_id: party.id,
    client_name: `Mirror ${party.id}`,
    redirect_uris: [party.redirectUri],
    post_logout_redirect_uris: [SIGNED_OUT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(party.secret ? { client_secret: party.secret } : {}),
    ...(jwks.has(party) ? { jwks: jwks.get(party) } : {}),
    token_endpoint_auth_method: {
      ...{ basic: 'client_secret_basic', post: 'client_secret_post', key: 'private_key_jwt', none: 'none' },
    }[party.auth],
    ...more,
  })
  const backchannel = (party: Party) => ({ backchannel_logout_uri: `${listener}/${party.id}` })
  return [
    declare(WEB, { redirect_uris: [CALLBACK, `${CALLBACK}?kept=yes`, 'http://localhost:9/second'] }),
    ...[OTHER, POST, FRESH, SPA, JWT].map((party) => declare(party)),
    declare(FAPI, { profile: 'fapi2' }),
    declare(FAPI_OTHER, { profile: 'fapi2' }),
    declare(SIGNED, { profile: 'fapi2', message_signing: true, introspection_signed_response_alg: 'ES256' }),
    declare(LISTENS, { ...backchannel(LISTENS), backchannel_logout_session_required: true }),
    declare(LISTENS_TOO, backchannel(LISTENS_TOO)),
    declare(OPENED, { initiate_login_uri: ENTRANCE }),
    declare(FRAMED, { frontchannel_logout_uri: FRAME, frontchannel_logout_session_required: true }),
    declare(PAIRWISE, { subject_type: 'pairwise' }),
    declare(PAIRWISE_TOO, { subject_type: 'pairwise' }),
    declare(EXEMPT, { pkce_exempt: true }),
    declare(ES256, { id_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' }),
  ]
}

/** A person with every standard claim, as the suites want one. */
export const ADA = {
  email: 'ada@example.org',
  username: 'ada',
  profile: {
    name: 'Ada King',
    givenName: 'Ada',
    familyName: 'King',
    locale: 'en-GB',
    phoneNumber: '+44 20 7946 0000',
    phoneNumberVerified: true,
    address: { formatted: '12 St James’s Square\nLondon', locality: 'London', country: 'UK' },
  },
}
export const JANE = { email: 'jane@example.org' }
