import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { get, onEveryStack, post } from '../support/protocol.ts'
import { CALLBACK, publicClient, webClient } from '../support/relying-party.ts'

const OIDC = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'

const OWN = ['ES256', 'RS256']
const CLIENTS = ['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256']
const KEYS_OF_CLIENTS = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256']
const CONTENT = ['A256GCM', 'A128GCM', 'A128CBC-HS256']
const PAGES = {
  DOCS_URL: 'https://example.org/docs',
  POLICY_URL: 'https://example.org/privacy',
  TERMS_URL: 'https://example.org/terms',
}

/** The whole document: a member more or less is a promise made or broken, and must be decided here. */
const EXPECTED = {
  acr_values_supported: ['urn:ostiary:acr:password'],
  authorization_challenge_endpoint: '/authorize-challenge',
  authorization_encryption_alg_values_supported: KEYS_OF_CLIENTS,
  authorization_encryption_enc_values_supported: CONTENT,
  authorization_endpoint: '/auth',
  authorization_response_iss_parameter_supported: true,
  authorization_signing_alg_values_supported: OWN,
  backchannel_authentication_endpoint: '/backchannel',
  backchannel_authentication_request_signing_alg_values_supported: [
    'ES256',
    'PS256',
    'EdDSA',
    'Ed25519',
    'RS256',
  ],
  backchannel_logout_session_supported: true,
  backchannel_logout_supported: true,
  backchannel_token_delivery_modes_supported: ['poll', 'ping'],
  backchannel_user_code_parameter_supported: false,
  claim_types_supported: ['normal'],
  claims_parameter_supported: true,
  claims_supported: [
    ...['sub', 'acr', 'amr', 'auth_time', 'name', 'family_name', 'given_name', 'middle_name', 'nickname'],
    ...['preferred_username', 'profile', 'picture', 'website', 'gender', 'birthdate', 'zoneinfo', 'locale'],
    ...['updated_at', 'email', 'email_verified', 'address', 'phone_number', 'phone_number_verified'],
    ...['roles', 'sid', 'iss'],
  ],
  code_challenge_methods_supported: ['S256'],
  device_authorization_endpoint: '/device/auth',
  dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'],
  end_session_endpoint: '/session/end',
  frontchannel_logout_session_supported: true,
  frontchannel_logout_supported: true,
  grant_types_supported: [
    'authorization_code',
    'refresh_token',
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:openid:params:grant-type:ciba',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ],
  id_token_encryption_alg_values_supported: KEYS_OF_CLIENTS,
  id_token_encryption_enc_values_supported: CONTENT,
  id_token_signing_alg_values_supported: OWN,
  introspection_encryption_alg_values_supported: KEYS_OF_CLIENTS,
  introspection_encryption_enc_values_supported: CONTENT,
  introspection_endpoint: '/introspect',
  introspection_signing_alg_values_supported: OWN,
  issuer: '',
  jwks_uri: '/jwks',
  op_policy_uri: PAGES.POLICY_URL,
  op_tos_uri: PAGES.TERMS_URL,
  prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
  pushed_authorization_request_endpoint: '/par',
  registration_endpoint: '/reg',
  request_object_encryption_alg_values_supported: [],
  request_object_encryption_enc_values_supported: [],
  request_object_signing_alg_values_supported: CLIENTS,
  request_parameter_supported: true,
  request_uri_parameter_supported: false,
  response_modes_supported: [
    ...['form_post', 'fragment', 'query'],
    ...['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'],
  ],
  response_types_supported: ['code'],
  revocation_endpoint: '/revoke',
  scopes_supported: ['openid', 'offline_access', 'profile', 'email', 'address', 'phone', 'roles'],
  service_documentation: PAGES.DOCS_URL,
  subject_types_supported: ['public', 'pairwise'],
  token_endpoint: '/token',
  token_endpoint_auth_methods_supported: [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'none',
  ],
  token_endpoint_auth_signing_alg_values_supported: CLIENTS,
  ui_locales_supported: ['en'],
  userinfo_encryption_alg_values_supported: KEYS_OF_CLIENTS,
  userinfo_encryption_enc_values_supported: CONTENT,
  userinfo_endpoint: '/userinfo',
  userinfo_signing_alg_values_supported: OWN,
}

const options = { settings: PAGES, overrides: { clients: [webClient(), publicClient()] } }

onEveryStack('discovery', options, (app) => {
  it('announces exactly what is decided here, every address under the issuer (OIDC Discovery 3)', async () => {
    const { json, status } = await get(app.issuer + OIDC)
    expect(status).to.equal(200)
    const relative = Object.fromEntries(
      Object.entries(json).map(([name, value]) => [
        name,
        typeof value === 'string' && /^(issuer|.*_(endpoint|uri))$/.test(name)
          ? value.replace(app.issuer, '')
          : value,
      ]),
    )
    expect(relative).to.deep.equal(EXPECTED)
  })

  it('serves the same document to OAuth clients (RFC 8414 3)', async () => {
    const [oidc, plain] = await Promise.all([get(app.issuer + OIDC), get(app.issuer + OAUTH)])
    expect(plain.json).to.deep.equal(oidc.json)
  })

  it('satisfies openid-client and oauth4webapi by either well-known address', async () => {
    const issuer = new URL(app.issuer)
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      const rp = await client.discovery(issuer, 'web', undefined, client.None(), {
        algorithm,
        execute: [client.allowInsecureRequests],
      })
      expect(rp.serverMetadata().issuer).to.equal(app.issuer)
      const options = { algorithm, [oauth.allowInsecureRequests]: true }
      const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
      expect(as.token_endpoint).to.equal(`${app.issuer}/token`)
    }
  })

  it('has something behind every announced endpoint', async () => {
    const { json } = await get(app.issuer + OIDC)
    const endpoints = Object.entries(json).filter(([name]) => /_endpoint$/.test(name))
    for (const [name, url] of endpoints) {
      const byGet = /authorization_endpoint|userinfo|end_session/.test(name) && !/pushed|device/.test(name)
      const { status } = byGet ? await get(String(url)) : await post(String(url), {})
      expect(status, name).to.be.oneOf([200, 400, 401])
    }
  })

  it('publishes public keys only, ES256 first, each with its own kid (RFC 7517)', async () => {
    const { json, headers } = await get(`${app.issuer}/jwks`)
    expect(headers.get('content-type')).to.match(/^application\/jwk-set\+json/)
    expect(json.keys.map((key: { alg: string }) => key.alg)).to.deep.equal(['ES256', 'RS256'])
    expect(json.keys.every((key: { use: string }) => key.use === 'sig')).to.equal(true)
    expect(new Set(json.keys.map((key: { kid: string }) => key.kid)).size).to.equal(2)
    const members = new Set(json.keys.flatMap((key: object) => Object.keys(key)))
    expect([...members].sort()).to.deep.equal(['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y'])
  })

  for (const path of [OIDC, OAUTH, '/jwks'])
    it(`lets everybody keep ${path} for five minutes and read it from any origin`, async () => {
      const { headers } = await get(app.issuer + path, { headers: { origin: 'https://anywhere.example' } })
      expect(headers.get('cache-control')).to.equal('public, max-age=300')
      expect(headers.get('access-control-allow-origin')).to.be.oneOf(['*', 'https://anywhere.example'])
      expect(headers.get('cross-origin-resource-policy')).to.equal('cross-origin')
    })

  it('refuses response types it does not announce: no implicit, no hybrid (RFC 9700 2.1.2)', async () => {
    for (const type of ['token', 'id_token', 'code id_token', 'code token', 'none']) {
      const query = new URLSearchParams({
        ...{ client_id: 'web', redirect_uri: CALLBACK, scope: 'openid', nonce: 'n', state: 's' },
        ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', response_type: type },
      })
      const { headers } = await get(`${app.issuer}/auth?${query}`, { headers: { accept: 'text/html' } })
      const location = headers.get('location') ?? ''
      expect(location, type).to.include('error=unsupported_response_type')
      expect(location, type).to.not.match(/access_token|code=/)
    }
  })

  it('refuses grant types it does not announce: no password (RFC 9700 2.4)', async () => {
    for (const type of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:jwt-bearer']) {
      const form = { grant_type: type, username: 'jane@example.org', password: 'x', client_id: 'spa' }
      const { status, json } = await post(`${app.issuer}/token`, form)
      expect(status, type).to.equal(400)
      expect(json.error, type).to.equal('unsupported_grant_type')
    }
  })
})
