/** What the provider says of itself: discovery document and key set (the field's "config" plan). */
import { expect } from 'chai'
import { importJWK, type JWK } from 'jose'
import { check } from '../harness/check.ts'
import { header, jwks, metadata, mutation, status } from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'

const OIDC = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'

const document = async (op: Op) => (await op.get(OIDC)).json
const keys = async (op: Op): Promise<JWK[]> => (await op.get('/jwks')).json.keys
/** every algorithm announced anywhere, for signatures and for encryption */
const algorithms = async (op: Op): Promise<string[]> =>
  Object.entries(await document(op)).flatMap(([name, value]) =>
    /_alg_values_/.test(name) ? (value as string[]) : [],
  )

export const config = [
  check(
    'config-issuer',
    'OpenID Connect Discovery 1.0, 4.3',
    'names as issuer exactly what it was asked under',
    async (op) => expect((await document(op)).issuer).to.equal(op.issuer),
    metadata('adds a slash to its issuer', (it) => Object.assign(it, { issuer: `${it.issuer}/` })),
  ),
  check(
    'config-issuer-plain',
    'RFC 8414, 2',
    'has an issuer without query and fragment',
    async (op) => {
      const { search, hash } = new URL((await document(op)).issuer)
      expect(search + hash).to.equal('')
    },
    metadata('has a query in its issuer', (it) => Object.assign(it, { issuer: `${it.issuer}?a=b` })),
  ),
  check(
    'config-json',
    'OpenID Connect Discovery 1.0, 4.2',
    'answers with 200 and application/json',
    async (op) => {
      const { status, headers } = await op.get(OIDC)
      expect([status, headers.get('content-type')?.split(';')[0]]).to.deep.equal([200, 'application/json'])
    },
    header(OIDC, 'content-type', 'text/html'),
  ),
  check(
    'config-required-members',
    'OpenID Connect Discovery 1.0, 3',
    'has every member that is required',
    async (op) => {
      const required = [
        'issuer',
        'authorization_endpoint',
        'token_endpoint',
        'jwks_uri',
        'response_types_supported',
      ]
      const more = ['subject_types_supported', 'id_token_signing_alg_values_supported', 'userinfo_endpoint']
      expect(await document(op)).to.include.all.keys(...required, ...more)
    },
    metadata('leaves jwks_uri out', (it) => delete it.jwks_uri),
  ),
  check(
    'config-endpoints-own-origin',
    'RFC 8414, 6.2',
    'names no endpoint outside its own origin',
    async (op) => {
      const names = Object.entries(await document(op)).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name))
      expect(names.length).to.be.above(5)
      for (const [name, url] of names) expect(new URL(String(url)).origin, name).to.equal(op.issuer)
    },
    metadata('has its token endpoint elsewhere', (it) =>
      Object.assign(it, { token_endpoint: 'https://evil.example/token' }),
    ),
  ),
  check(
    'config-response-type-code',
    'OpenID Connect Core 1.0, 15.1',
    'announces the code flow',
    async (op) => expect((await document(op)).response_types_supported).to.include('code'),
    metadata('does not announce code', (it) => Object.assign(it, { response_types_supported: ['id_token'] })),
  ),
  check(
    'config-no-implicit',
    'RFC 9700, 2.1.2',
    'announces no response type that puts tokens into addresses',
    async (op) => {
      const types: string[] = (await document(op)).response_types_supported
      expect(types.filter((type) => /token/.test(type))).to.deep.equal([])
    },
    metadata('announces the implicit flow', (it) =>
      (it.response_types_supported as string[]).push('id_token token'),
    ),
  ),
  check(
    'config-no-password-grant',
    'RFC 9700, 2.4',
    'announces neither the password grant nor the implicit one',
    async (op) =>
      expect((await document(op)).grant_types_supported).to.not.include.oneOf(['password', 'implicit']),
    metadata('announces the password grant', (it) => (it.grant_types_supported as string[]).push('password')),
  ),
  check(
    'config-rs256',
    'OpenID Connect Discovery 1.0, 3',
    'can sign ID tokens with RS256',
    async (op) => expect((await document(op)).id_token_signing_alg_values_supported).to.include('RS256'),
    metadata('has no RS256', (it) => Object.assign(it, { id_token_signing_alg_values_supported: ['ES256'] })),
  ),
  check(
    'config-alg-none',
    'RFC 8725, 3.1',
    'announces nowhere that it takes or makes unsigned tokens',
    async (op) => expect(await algorithms(op)).to.not.include('none'),
    metadata('announces none', (it) =>
      (it.request_object_signing_alg_values_supported as string[]).push('none'),
    ),
  ),
  check(
    'config-alg-symmetric',
    'RFC 8725, 3.5',
    'announces nowhere a signature under a shared secret',
    async (op) => expect((await algorithms(op)).filter((alg) => /^HS/.test(alg))).to.deep.equal([]),
    metadata('announces HS256', (it) =>
      (it.token_endpoint_auth_signing_alg_values_supported as string[]).push('HS256'),
    ),
  ),
  check(
    'config-alg-rsa15',
    'RFC 8725, 3.2',
    'announces nowhere RSA1_5, whose padding tells secrets',
    async (op) => expect(await algorithms(op)).to.not.include('RSA1_5'),
    metadata('announces RSA1_5', (it) =>
      (it.id_token_encryption_alg_values_supported as string[]).push('RSA1_5'),
    ),
  ),
  check(
    'config-pkce-s256',
    'RFC 9700, 2.1.1',
    'announces PKCE with S256 and with nothing else',
    async (op) => expect((await document(op)).code_challenge_methods_supported).to.deep.equal(['S256']),
    metadata('announces plain', (it) => (it.code_challenge_methods_supported as string[]).push('plain')),
  ),
  check(
    'config-iss-parameter',
    'RFC 9207, 3',
    'announces that it names itself in every authorization response',
    async (op) => expect((await document(op)).authorization_response_iss_parameter_supported).to.equal(true),
    metadata('does not', (it) => delete it.authorization_response_iss_parameter_supported),
  ),
  check(
    'config-scope-openid',
    'OpenID Connect Discovery 1.0, 3',
    'announces the scope openid',
    async (op) => expect((await document(op)).scopes_supported).to.include('openid'),
    metadata('leaves openid out', (it) => Object.assign(it, { scopes_supported: ['email'] })),
  ),
  check(
    'config-claims',
    'OpenID Connect Discovery 1.0, 3',
    'announces which claims it can give',
    async (op) =>
      expect((await document(op)).claims_supported).to.include.members([
        'sub',
        'name',
        'email',
        'address',
        'phone_number',
      ]),
    metadata('announces no claims', (it) => Object.assign(it, { claims_supported: ['sub'] })),
  ),
  check(
    'config-subject-types',
    'OpenID Connect Core 1.0, 8',
    'announces public or pairwise subjects and nothing that is neither',
    async (op) => {
      const types: string[] = (await document(op)).subject_types_supported
      expect(types.length).to.be.above(0)
      expect(types.filter((type) => type !== 'public' && type !== 'pairwise')).to.deep.equal([])
    },
    metadata('announces none', (it) => Object.assign(it, { subject_types_supported: [] })),
  ),
  check(
    'config-auth-methods',
    'OpenID Connect Core 1.0, 9',
    'announces how clients prove themselves, with a method that sends no secret among them',
    async (op) =>
      expect((await document(op)).token_endpoint_auth_methods_supported).to.include.members([
        'client_secret_basic',
        'private_key_jwt',
      ]),
    metadata('has no private_key_jwt', (it) =>
      Object.assign(it, { token_endpoint_auth_methods_supported: ['client_secret_basic'] }),
    ),
  ),
  check(
    'config-auth-signing-algs',
    'OpenID Connect Discovery 1.0, 3',
    'says with which algorithms assertions of clients may be signed',
    async (op) =>
      expect((await document(op)).token_endpoint_auth_signing_alg_values_supported).to.include('ES256'),
    metadata('does not say', (it) => delete it.token_endpoint_auth_signing_alg_values_supported),
  ),
  check(
    'config-request-uri-off',
    'OpenID Connect Discovery 1.0, 3',
    'says that it fetches no request objects: silence would mean yes',
    async (op) => expect((await document(op)).request_uri_parameter_supported).to.equal(false),
    metadata('says nothing', (it) => delete it.request_uri_parameter_supported),
  ),
  check(
    'config-claims-parameter',
    'OpenID Connect Discovery 1.0, 3',
    'says that it takes the claims parameter',
    async (op) => expect((await document(op)).claims_parameter_supported).to.equal(true),
    metadata('says nothing', (it) => delete it.claims_parameter_supported),
  ),
  check(
    'config-form-post',
    'OAuth 2.0 Form Post Response Mode 1.0, 2',
    'announces form_post among the response modes',
    async (op) => expect((await document(op)).response_modes_supported).to.include('form_post'),
    metadata('leaves it out', (it) => Object.assign(it, { response_modes_supported: ['query'] })),
  ),
  check(
    'config-par',
    'RFC 9126, 5',
    'names the endpoint for pushed requests',
    async (op) => expect((await document(op)).pushed_authorization_request_endpoint).to.be.a('string'),
    metadata('does not name it', (it) => delete it.pushed_authorization_request_endpoint),
  ),
  check(
    'config-dpop-asymmetric',
    'RFC 9449, 5.1',
    'announces algorithms for DPoP proofs, asymmetric ones only',
    async (op) => {
      const algs: string[] = (await document(op)).dpop_signing_alg_values_supported
      expect(algs).to.include('ES256')
      expect(algs.filter((alg) => /^(HS|none)/.test(alg))).to.deep.equal([])
    },
    metadata('takes proofs under a secret', (it) =>
      (it.dpop_signing_alg_values_supported as string[]).push('HS256'),
    ),
  ),
  check(
    'config-logout',
    'OpenID Connect RP-Initiated Logout 1.0, 2.1',
    'names the end-session endpoint',
    async (op) => expect((await document(op)).end_session_endpoint).to.be.a('string'),
    metadata('does not name it', (it) => delete it.end_session_endpoint),
  ),
  check(
    'config-backchannel-logout',
    'OpenID Connect Back-Channel Logout 1.0, 2.1',
    'announces back-channel logout, with sessions',
    async (op) => {
      const it = await document(op)
      expect([it.backchannel_logout_supported, it.backchannel_logout_session_supported]).to.deep.equal([
        true,
        true,
      ])
    },
    metadata('says nothing of sessions', (it) => delete it.backchannel_logout_session_supported),
  ),
  check(
    'config-registration',
    'OpenID Connect Discovery 1.0, 3',
    'names the registration endpoint',
    async (op) => expect((await document(op)).registration_endpoint).to.be.a('string'),
    metadata('does not name it', (it) => delete it.registration_endpoint),
  ),
  check(
    'config-oauth-metadata',
    'RFC 8414, 3',
    'tells OAuth clients the same as OpenID Connect clients',
    async (op) => expect((await op.get(OAUTH)).json).to.deep.equal(await document(op)),
    metadata('tells them something else', (it) =>
      Object.assign(it, { token_endpoint: `${it.issuer}/other` }),
    ),
  ),
  check(
    'config-cors',
    'RFC 8414, 3.1',
    'lets browser apps of every origin read the document',
    async (op) => {
      const { headers } = await op.get(OIDC, { headers: { origin: 'https://spa.example' } })
      expect(headers.get('access-control-allow-origin')).to.be.oneOf(['*', 'https://spa.example'])
    },
    header(OIDC, 'access-control-allow-origin'),
  ),
  check(
    'config-cached-briefly',
    'OpenID Connect Core 1.0, 10.1.1',
    'lets the document be kept, and not for longer than an hour',
    async (op) => {
      const seconds = /max-age=(\d+)/.exec((await op.get(OIDC)).headers.get('cache-control') ?? '')?.[1]
      expect(Number(seconds)).to.be.within(1, 3600)
    },
    header(OIDC, 'cache-control', 'public, max-age=604800'),
  ),
  check(
    'config-read-only',
    'RFC 9110, 15.5.6',
    'takes no POST at the document',
    async (op) => expect((await op.post(OIDC, {})).status).to.be.oneOf([404, 405]),
    status(OIDC, 405, 200),
  ),
  check(
    'jwks-media-type',
    'RFC 7517, 8.5.2',
    'serves the keys as a key set',
    async (op) => {
      const { status, headers } = await op.get('/jwks')
      expect(status).to.equal(200)
      expect(headers.get('content-type')).to.match(/^application\/(jwk-set\+)?json/)
    },
    header('/jwks', 'content-type', 'text/plain'),
  ),
  check(
    'jwks-public-only',
    'RFC 7517, 9.2',
    'publishes no private part of any key, and no secret',
    async (op) => {
      for (const key of await keys(op)) expect(key).to.not.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi', 'k')
    },
    jwks('publishes a private key', ([first]) => Object.assign(first ?? {}, { d: 'AAAA' })),
  ),
  check(
    'jwks-kid',
    'OpenID Connect Core 1.0, 10.1',
    'gives each key a kid of its own',
    async (op) => {
      const kids = (await keys(op)).map(({ kid }) => kid)
      expect(kids.every((kid) => typeof kid === 'string' && kid !== '')).to.equal(true)
      expect(new Set(kids).size).to.equal(kids.length)
    },
    jwks('gives all keys one kid', (all) => all.map((key) => Object.assign(key, { kid: 'one' }))),
  ),
  check(
    'jwks-use',
    'RFC 7517, 4.2',
    'says of each key that it is for signatures',
    async (op) =>
      expect((await keys(op)).map(({ use }) => use)).to.satisfy((uses: string[]) =>
        uses.every((use) => use === 'sig'),
      ),
    jwks('says nothing', (all) => all.map((key) => delete key.use)),
  ),
  check(
    'jwks-every-alg',
    'OpenID Connect Discovery 1.0, 3',
    'has a key for every algorithm it announces for ID tokens',
    async (op) => {
      const algs = (await keys(op)).map(({ alg }) => alg)
      expect(algs).to.include.members((await document(op)).id_token_signing_alg_values_supported)
    },
    jwks('has a key less', (all) => all.pop()),
  ),
  check(
    'jwks-rsa-size',
    'RFC 7518, 3.3',
    'has RSA keys of at least 2048 bits',
    async (op) => {
      const rsa = (await keys(op)).filter(({ kty }) => kty === 'RSA')
      expect(rsa.length).to.be.above(0)
      for (const { n } of rsa) expect(Buffer.from(String(n), 'base64url').length * 8).to.be.at.least(2048)
    },
    jwks('has a small key', (all) => all.map((key) => key.n && Object.assign(key, { n: 'AQAB'.repeat(32) }))),
  ),
  check(
    'jwks-importable',
    'RFC 7517, 4',
    'publishes keys that cryptography takes: curve, point and modulus are right',
    async (op) => {
      for (const key of await keys(op)) {
        const imported = await importJWK(key).catch((error: Error) => error)
        expect(imported, `${key.kid}`).to.not.be.instanceOf(Error)
      }
    },
    jwks('publishes a point that is not on its curve', (all) =>
      all.map((key) => key.y && Object.assign(key, { y: key.x })),
    ),
  ),
  check(
    'jwks-cors',
    'OpenID Connect Core 1.0, 10.1.1',
    'lets browser apps of every origin read the keys',
    async (op) => {
      const { headers } = await op.get('/jwks', { headers: { origin: 'https://spa.example' } })
      expect(headers.get('access-control-allow-origin')).to.be.oneOf(['*', 'https://spa.example'])
    },
    header('/jwks', 'access-control-allow-origin'),
  ),
  check(
    'jwks-cached-briefly',
    'OpenID Connect Core 1.0, 10.1.1',
    'lets the keys be kept, and not for longer than an hour, so that a rotation arrives',
    async (op) => {
      const seconds = /max-age=(\d+)/.exec((await op.get('/jwks')).headers.get('cache-control') ?? '')?.[1]
      expect(Number(seconds)).to.be.within(1, 3600)
    },
    mutation('lets them be kept for a year', ({ url, headers }) => {
      if (url.pathname === '/jwks') headers.set('cache-control', 'max-age=31536000')
    }),
  ),
]
