/** Every cause by the words of the engine that tell it, and what each must say. */
import { expect } from 'chai'
import type { Client } from '../../src/domain/clients/client.ts'
import { explain } from '../../src/domain/failures/explain.ts'
import type { FailureRecord } from '../../src/domain/failures/record.ts'
import type { Explanation, Known } from '../../src/domain/failures/rule.ts'

const AT = '2026-11-21T12:00:00.000Z'
const NOW = Date.parse(AT) / 1000
const API = 'https://api.example.org'
const CALLBACK = 'https://app.example.org/callback'

const client: Client = {
  id: 'app',
  metadata: {
    redirect_uris: [CALLBACK, 'https://app.example.org/other'],
    post_logout_redirect_uris: ['https://app.example.org/bye'],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    scope: 'openid email',
    token_endpoint_auth_method: 'client_secret_post',
    token_endpoint_auth_signing_alg: 'ES256',
  },
  secretDigest: 'digest',
  firstParty: false,
  source: 'configuration',
  status: 'active',
}
const known: Known = {
  issuer: 'https://id.example.org',
  client,
  clientIds: ['app', 'other'],
  scopes: ['openid', 'email'],
  resources: [{ audience: API, scopes: ['read'] }],
}
const request: FailureRecord = {
  ...{ code: 'AAAAAAAA', requestId: 'r', at: AT, endpoint: 'authorization', method: 'GET', status: 400 },
  ...{ error: 'invalid_request', clientId: 'app', sent: {}, presented: ['none'], jwts: {} },
}

type Given = Partial<FailureRecord> & { known?: Partial<Known> }
const atToken = (more: Given): Given => ({
  endpoint: 'token',
  method: 'POST',
  presented: ['client_secret_basic'],
  ...more,
})
const grant = (detail: string, sent: Record<string, string> = {}): Given =>
  atToken({ error: 'invalid_grant', description: 'grant request is invalid', detail, sent })
const auth = (detail: string, more: Given = {}): Given =>
  atToken({ error: 'invalid_client', description: 'client authentication failed', detail, ...more })
const described = (description: string, sent: Record<string, string> = {}): Given => ({ description, sent })
const dpop = (detail: string): Given =>
  atToken({
    error: 'invalid_dpop_proof',
    description: detail,
    jwts: { dpop: { htm: 'GET', htu: 'http://x/', iat: NOW - 400 } },
  })
const assertion = (detail: string, claims: FailureRecord['jwts'][string]): Given =>
  auth(detail, { presented: ['private_key_jwt'], jwts: { client_assertion: claims } })

const shown = { subject: 'CN=app', verified: true }
const draft = (section: string) => ({
  name: `OAuth 2.0 for First-Party Applications (draft), section ${section}`,
  url: `https://datatracker.ietf.org/doc/html/draft-ietf-oauth-first-party-apps-04#section-${section}`,
})

const CASES: [cause: string, given: Given, says?: Partial<Explanation>][] = [
  ['certificate-missing', auth('client certificate was not provided')],
  ['certificate-missing', grant('mutual TLS client certificate not provided')],
  [
    'certificate-out-of-date',
    auth('client certificate was not provided', { certificate: { ...shown, problem: 'expired' } }),
    { sent: 'a certificate of CN=app, expired, verified by the proxy' },
  ],
  [
    'certificate-unreadable',
    auth('client certificate was not provided', { certificate: { problem: 'unreadable', verified: false } }),
  ],
  [
    'certificate-unverified',
    auth('client certificate was not verified', { certificate: { ...shown, verified: false } }),
    { sent: 'a certificate of CN=app, not verified by the proxy' },
  ],
  [
    'certificate-subject',
    auth('certificate subject value does not match the registered one', {
      certificate: shown,
      known: { client: { ...client, metadata: { tls_client_auth_san_dns: 'app.example' } } },
    }),
    { expected: 'tls_client_auth_san_dns app.example' },
  ],
  ['certificate-unregistered', auth('unregistered client certificate provided', { certificate: shown })],
  [
    'certificate-of-token',
    { error: 'invalid_token', detail: 'failed x5t#S256 verification', endpoint: 'userinfo' },
    { sent: 'no certificate' },
  ],
  [
    'client-keys-unreachable',
    auth('invalid_client_metadata', {
      presented: ['private_key_jwt'],
      known: { client: { ...client, metadata: { jwks_uri: 'https://10.0.0.1/jwks' } } },
    }),
    { sent: 'https://10.0.0.1/jwks' },
  ],
  ['client-keys-unreachable', described('client JSON Web Key Set failed to be refreshed')],
  ['sector-identifier-unreachable', described('could not load sector_identifier_uri response')],
  ['redirect-uri-missing', described("missing required parameter 'redirect_uri'")],
  [
    'redirect-uri-unregistered',
    { error: 'invalid_redirect_uri', sent: { redirect_uri: `${CALLBACK}/` } },
    { nearest: CALLBACK, difference: 'has a slash at the end' },
  ],
  [
    'redirect-uri-unregistered',
    {
      error: 'invalid_redirect_uri',
      sent: { redirect_uri: CALLBACK },
      known: { client: { ...client, metadata: {} } },
    },
    { expected: 'nothing: the client has no redirect_uris' },
  ],
  [
    'post-logout-redirect-uri-unregistered',
    described('post_logout_redirect_uri not registered', {
      post_logout_redirect_uri: 'http://app.example.org/bye',
    }),
    { difference: 'begins with http:// instead of https://' },
  ],
  [
    'redirect-uri-not-of-the-code',
    grant('authorization code redirect_uri mismatch', { redirect_uri: CALLBACK }),
  ],
  ['pkce-missing', described('Authorization Server policy requires PKCE to be used for this request')],
  [
    'pkce-plain',
    described('not supported value of code_challenge_method', { code_challenge_method: 'plain' }),
    { expected: 'S256' },
  ],
  ['pkce-plain', described('code_challenge_method must be provided')],
  [
    'pkce-method-unknown',
    described('not supported value of code_challenge_method', { code_challenge_method: 'S512' }),
  ],
  ['pkce-challenge-missing', described('code_challenge must be provided with code_challenge_method')],
  [
    'pkce-challenge-malformed',
    described('code_challenge must be a string with a minimum length of 43 characters'),
  ],
  ['pkce-verifier-malformed', atToken(described('code_verifier contains invalid characters'))],
  ['pkce-verifier-missing', grant('code_verifier must be provided')],
  [
    'pkce-verifier-wrong',
    grant('code_verifier does not match code_challenge', { code_verifier: 'present, 43 characters' }),
  ],
  [
    'clock-behind',
    assertion('jwt expired', { iat: NOW - 150, exp: NOW - 90 }),
    { summary: 'The client assertion is 90 seconds behind the time here.' },
  ],
  [
    'clock-ahead',
    assertion('jwt not active yet', { nbf: NOW + 90, exp: NOW + 200 }),
    { summary: 'The client assertion is 90 seconds ahead of the time here.' },
  ],
  [
    'clock-ahead',
    assertion('iat (issued at) of the client assertion is in the future', { iat: NOW + 60, exp: NOW + 90 }),
  ],
  [
    'clock-behind',
    dpop('DPoP proof iat is not recent enough'),
    { summary: 'The DPoP proof is 400 seconds behind the time here.' },
  ],
  [
    'clock-behind',
    { error: 'invalid_request_object', detail: 'jwt expired', jwts: { request: { exp: NOW - 5 } } },
  ],
  ['dpop-method', dpop('DPoP proof htm mismatch'), { sent: 'htm GET', expected: 'POST' }],
  ['dpop-address', dpop('DPoP proof htu mismatch'), { sent: 'htu http://x/' }],
  ['dpop-token-hash', dpop('DPoP proof ath mismatch')],
  ['dpop-replayed', grant('DPoP proof JWT Replay detected')],
  ['dpop-key', grant('failed jkt verification')],
  ['dpop-missing', grant('missing DPoP proof JWT')],
  ['dpop-scheme', described('authorization header scheme must be `DPoP` when DPoP is used')],
  ['dpop-invalid', dpop('invalid DPoP key binding')],
  ['client-id-missing', { ...described("missing required parameter 'client_id'"), clientId: undefined }],
  [
    'client-unknown',
    auth('client not found', { clientId: 'ap', known: { client: undefined } }),
    { nearest: 'app' },
  ],
  ['client-disabled', auth('client not found', { known: { client: { ...client, status: 'disabled' } } })],
  [
    'client-authenticated-twice',
    atToken({
      ...described('client authentication must only be provided using one mechanism'),
      presented: ['client_secret_basic', 'client_secret_post'],
    }),
    { sent: 'client_secret_basic and client_secret_post' },
  ],
  ['authorization-header-malformed', atToken(described('invalid authorization header value format'))],
  [
    'client-not-authenticated',
    auth('the provided authentication mechanism does not match the registered client authentication method', {
      presented: ['none'],
    }),
    { expected: 'client_secret_post' },
  ],
  [
    'client-authentication-method',
    auth('the provided authentication mechanism does not match the registered client authentication method'),
    { sent: 'client_secret_basic', expected: 'client_secret_post' },
  ],
  ['client-secret-wrong', auth('invalid secret provided')],
  ['client-secret-expired', auth('could not authenticate the client - its client secret is expired')],
  [
    'client-assertion',
    assertion('audience (aud) must equal the endpoint url', { aud: 'x' }),
    { sent: 'aud x', expected: 'aud https://id.example.org' },
  ],
  ['client-assertion', assertion('alg mismatch', { alg: 'HS256' }), { sent: 'HS256', expected: 'ES256' }],
  ['client-assertion', assertion('signature verification failed', {})],
  ['client-assertion', assertion('client assertion tokens must only be used once', {})],
  ['client-assertion', assertion('typ (type) of the client assertion is that of another kind of JWT', {})],
  [
    'grant-type-not-allowed',
    atToken(
      described('requested grant type is not allowed for this client', { grant_type: 'client_credentials' }),
    ),
    { expected: 'authorization_code' },
  ],
  ['grant-type-unknown', atToken({ error: 'unsupported_grant_type', sent: { grant_type: 'password' } })],
  [
    'code-used',
    grant('authorization code already consumed', { code: 'present, 43 characters' }),
    { sent: 'code present, 43 characters' },
  ],
  ['code-used', grant('lost the race for a single-use credential')],
  ['code-expired', grant('authorization code is expired')],
  ['code-unknown', grant('authorization code not found')],
  ['refresh-token-expired', grant('refresh token is expired')],
  ['refresh-token-used', grant('refresh token already used')],
  ['refresh-token-unknown', grant('refresh token not found')],
  ['grant-ended', grant('grant not found')],
  ['issued-to-another-client', grant('client mismatch')],
  ['device-code-over', atToken({ error: 'expired_token', description: 'device code is expired' })],
  [
    'access-token-missing',
    { endpoint: 'userinfo', error: 'invalid_token', description: 'no access token provided' },
  ],
  [
    'access-token-unknown',
    { endpoint: 'userinfo', error: 'invalid_token', detail: 'access token not found' },
  ],
  [
    'access-token-for-an-api',
    { error: 'invalid_token', detail: 'token audience prevents accessing the userinfo endpoint' },
  ],
  ['openid-scope-missing', { error: 'insufficient_scope', description: 'access token missing openid scope' }],
  [
    'initial-access-token',
    { endpoint: 'registration', error: 'invalid_token', detail: 'initial access token not found' },
  ],
  ...(
    [
      ['initial-access-token-expired', 'the initial access token has expired'],
      ['initial-access-token-used-up', 'the initial access token is used up'],
      ['initial-access-token-revoked', 'the initial access token was revoked'],
      ['initial-access-token-full', 'the initial access token has as many clients as it may have'],
    ] as const
  ).map(([cause, detail]): [string, Given] => [
    cause,
    { endpoint: 'registration', error: 'invalid_token', description: 'invalid token provided', detail },
  ]),
  [
    'software-statement-invalid',
    {
      endpoint: 'registration',
      error: 'invalid_software_statement',
      ...described('software_statement: it has expired (exp)', {
        software_statement: 'present, 300 characters',
      }),
    },
    { sent: 'present, 300 characters' },
  ],
  [
    'software-statement-unapproved',
    {
      endpoint: 'registration',
      error: 'unapproved_software_statement',
      description: 'its issuer is not trusted here',
    },
  ],
  [
    'registration-policy',
    {
      endpoint: 'registration',
      error: 'invalid_client_metadata',
      ...described('scope must not hold "phone"; allowed: openid, email', { scope: 'openid phone' }),
    },
    { sent: 'openid phone' },
  ],
  [
    'client-document',
    {
      error: 'invalid_client',
      clientId: 'https://app.example.org/client.json',
      description: 'the client_id metadata document at app.example.org holds a client_secret',
      known: { client: undefined },
    },
    { sent: 'https://app.example.org/client.json' },
  ],
  [
    'client-document-not-asked',
    auth('client not found', {
      clientId: 'https://app.example.org/client.json',
      known: { client: undefined },
    }),
  ],
  [
    'registration-access-token',
    { endpoint: 'client', error: 'invalid_token', detail: 'registration access token not found' },
  ],
  [
    'scope-not-allowed',
    { error: 'invalid_scope', ...described('requested scope is not allowed', { scope: 'openid emial' }) },
    { nearest: 'email', expected: 'openid email' },
  ],
  [
    'scope-wider-than-granted',
    atToken({ error: 'invalid_scope', description: 'refresh token missing requested scope' }),
  ],
  [
    'details-type-unknown',
    {
      error: 'invalid_authorization_details',
      ...described('unsupported authorization details type value (authorization details index 0)'),
    },
  ],
  [
    'details-type-not-allowed',
    {
      error: 'invalid_authorization_details',
      ...described("authorization details type 'x' is not allowed for this client"),
    },
    { expected: 'no types for this client' },
  ],
  [
    'details-not-granted',
    atToken({
      error: 'invalid_authorization_details',
      ...described('authorization_details must be among those that a person allowed'),
    }),
  ],
  [
    'details-not-json',
    {
      error: 'invalid_authorization_details',
      ...described('could not parse the authorization_details parameter JSON'),
    },
  ],
  [
    'details-malformed',
    {
      error: 'invalid_authorization_details',
      ...described('instructedAmount.amount is not as its type describes it'),
    },
  ],
  [
    'details-without-resource',
    {
      error: 'invalid_target',
      ...described(
        'resource indicator must be provided or defaulted to when Rich Authorization Requests are used',
      ),
    },
  ],
  ['scope-malformed', { error: 'invalid_scope', description: 'scope contains invalid characters' }],
  [
    'resource-malformed',
    { error: 'invalid_target', description: 'resource indicator must be an absolute URI' },
  ],
  ['resource-unknown', { error: 'invalid_target', sent: { resource: `${API}/` } }, { nearest: API }],
  [
    'resource-unknown',
    { error: 'invalid_target', sent: { resource: API }, known: { resources: [] } },
    { expected: 'nothing: no API is registered' },
  ],
  [
    'exchange-target-not-allowed',
    atToken({ error: 'invalid_target', description: 'the client may not exchange tokens for this resource' }),
  ],
  [
    'exchange-not-allowed',
    atToken({ error: 'unauthorized_client', description: 'the client may not exchange tokens' }),
  ],
  [
    'exchange-wants-binding',
    atToken({
      error: 'invalid_request',
      description: 'tokens that are got by exchange cannot be bound to a key',
    }),
  ],
  [
    'exchange-token-bound',
    atToken({
      error: 'invalid_request',
      description: 'subject_token is bound to a key; such tokens cannot be exchanged',
    }),
  ],
  [
    'exchange-target-missing',
    atToken({ error: 'invalid_request', description: 'resource or audience must name the API' }),
  ],
  ['exchange-several-targets', atToken({ error: 'invalid_target', description: 'one resource at a time' })],
  [
    'exchange-token-invalid',
    atToken({ error: 'invalid_request', description: 'subject_token is not valid' }),
  ],
  [
    'exchange-token-foreign',
    atToken({
      error: 'invalid_request',
      description: 'subject_token was neither issued to this client nor for it',
    }),
  ],
  [
    'exchange-actor-foreign',
    atToken({ error: 'invalid_request', description: 'actor_token was not issued to this client' }),
  ],
  [
    'exchange-actor-unnamed',
    atToken({ description: 'actor_token must be a JWT where people have pairwise names' }),
  ],
  [
    'exchange-api-closed',
    atToken({ error: 'invalid_request', description: 'tokens for this API cannot be exchanged' }),
  ],
  [
    'exchange-without-person',
    atToken({ error: 'invalid_request', description: 'subject_token is of no person' }),
  ],
  [
    'exchange-type-unknown',
    atToken({
      error: 'invalid_request',
      description: 'subject_token_type must be urn:ietf:params:oauth:token-type:access_token',
    }),
  ],
  [
    'exchange-scope-wider',
    atToken({
      error: 'invalid_scope',
      description: 'the subject token does not allow these scopes at the resource',
    }),
  ],
  [
    'exchange-chain-too-long',
    atToken({ error: 'invalid_request', description: 'too many have acted for the person already' }),
  ],
  [
    'resource-not-for-client',
    {
      error: 'invalid_target',
      description: 'this client may not ask for the resource',
      sent: { resource: API },
    },
  ],
  [
    'resource-without-key',
    {
      error: 'invalid_target',
      description: 'there is no key for the algorithm of the resource (SIGNING_ALGORITHMS)',
    },
  ],
  ['resource-refused', { error: 'invalid_target', sent: { resource: API } }],
  [
    'prompt-unknown',
    described('unsupported prompt value requested', { prompt: 'consnet' }),
    { nearest: 'consent' },
  ],
  ['prompt-none-combined', described('prompt none must only be used alone', { prompt: 'none login' })],
  ['max-age-malformed', described('invalid max_age parameter value', { max_age: 'x' })],
  [
    'sign-in-too-old',
    {
      error: 'login_required',
      ...described('End-User authentication could not be obtained', { max_age: '60', prompt: 'none' }),
    },
  ],
  [
    'login-required',
    { error: 'login_required', ...described('End-User authentication is required', { prompt: 'none' }) },
  ],
  ['consent-required', { error: 'consent_required', sent: { prompt: 'none' } }],
  ['interaction-required', { error: 'interaction_required', sent: { prompt: 'none' } }],
  ['declined', { error: 'access_denied', description: 'the person gave up' }],
  ['id-token-hint', described('could not validate id_token_hint')],
  [
    'response-type-unknown',
    { error: 'unsupported_response_type', sent: { response_type: 'token' } },
    { expected: 'code' },
  ],
  [
    'response-type-not-allowed',
    described('requested response_type is not allowed for this client', { response_type: 'code' }),
  ],
  [
    'response-mode',
    {
      error: 'unsupported_response_mode',
      ...described('unsupported response_mode requested', { response_mode: 'formpost' }),
    },
    { nearest: 'form_post' },
  ],
  ['parameter-twice', described("'scope' parameter must not be provided twice")],
  [
    'parameter-missing',
    described("missing required parameter 'response_type'"),
    { expected: "'response_type'" },
  ],
  [
    'body-type',
    atToken(
      described('only application/x-www-form-urlencoded content-type bodies are supported on POST /token'),
    ),
  ],
  [
    'request-uri-over',
    { error: 'invalid_request_uri', description: 'request_uri is invalid, expired, or was already used' },
  ],
  ['request-object', { error: 'invalid_request_object', sent: { request: 'present, 9 characters' } }],
  ['claims-malformed', described('could not parse the claims parameter JSON')],
  [
    'client-metadata',
    {
      endpoint: 'registration',
      error: 'invalid_redirect_uri',
      ...described('redirect_uris must hold absolute URIs', { redirect_uris: 'x' }),
    },
  ],
  [
    'first-party-not-marked',
    atToken(
      described('requested grant type is not allowed for this client', {
        grant_type: 'urn:ostiary:params:oauth:grant-type:authorization-challenge',
      }),
    ),
  ],
  ['first-party-not-begun', atToken(described('either request_uri or auth_session is needed, and not both'))],
  [
    'first-party-unbound-proof',
    dpop('the pushed request is bound to no key; send the proof there, too'),
    { standard: draft('9.5.1') },
  ],
  [
    'first-party-response-mode',
    atToken(described('response_mode has no meaning at this endpoint; leave it out')),
  ],
  [
    'ciba-hint',
    described('missing one of required parameters login_hint_token, id_token_hint, or login_hint'),
  ],
  ['ciba-hint', described('login_hint_token is not supported; use login_hint or id_token_hint')],
  ['ciba-binding-message', { error: 'invalid_binding_message' }],
  ['ciba-parameter', described('user_code is not supported')],
  ['ciba-not-allowed', described('urn:openid:params:grant-type:ciba is not allowed for this client')],
  ['ciba-request-over', grant('backchannel authentication request already consumed')],
  [
    'ciba-request-over',
    atToken({
      error: 'expired_token',
      description: 'grant request is invalid',
      detail: 'backchannel authentication request is expired',
    }),
  ],
  ['other', { error: 'server_error' }],
]

describe('the cause of a failure', () => {
  for (const [cause, { known: more, ...given }, says] of CASES)
    it(`${cause}: ${given.detail ?? given.description ?? given.error}`, () => {
      const explanation = explain({ ...request, ...given }, { ...known, ...more })
      expect(explanation).to.deep.include({ cause, ...says })
      expect(explanation.summary)
        .to.match(/^[A-Zpm].*\.( |$)/)
        .and.not.match(/undefined|\[object/)
      expect(explanation.change)
        .to.match(/^[A-Z].*\.$/)
        .and.not.match(/undefined/)
      expect(explanation.standard.name).to.match(/section [\d.]+$/)
      expect(explanation.standard.url).to.match(
        /^https:\/\/(www\.rfc-editor\.org|openid\.net|datatracker\.ietf\.org)\//,
      )
    })

  it('is found whatever is missing from the record', () => {
    for (const [, { known: _, ...given }] of CASES) {
      const bare = { ...request, ...given, sent: {}, jwts: {}, presented: [], clientId: undefined }
      const nothing = { ...known, client: undefined, clientIds: [], resources: [] }
      const text = JSON.stringify(explain(bare, nothing))
      expect(text).not.to.match(/undefined|NaN/)
    }
  })
})
