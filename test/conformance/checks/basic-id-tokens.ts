/** What the ID token says (OpenID Connect Core 1.0, 2), and how it is signed. */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { idToken, jwks, mutation } from '../harness/mutations.ts'
import { ES256, JANE, SPA, WEB } from '../harness/parties.ts'

const now = () => Date.now() / 1000

export const basicIdTokens = [
  check(
    'id-token-signature',
    'OpenID Connect Core 1.0, 3.1.3.7',
    'signs with a key that it publishes',
    async (op) => expect((await op.signIn(WEB)).header.kid).to.be.a('string'),
    jwks('publishes other keys', (keys) => keys.splice(0)),
    mutation('breaks the signature', (exchange) => {
      if (exchange.url.pathname === '/token')
        exchange.text = exchange.text.replace(/("id_token":"[^"]+\.)[^".]{9}/, '$1AAAAAAAAA')
    }),
  ),
  check(
    'id-token-kid',
    'OpenID Connect Core 1.0, 10.1',
    'names the key by kid',
    async (op) => expect((await op.signIn(WEB)).header.kid).to.be.a('string'),
    idToken('names none', (_claims, header) => Object.assign(header, { kid: undefined })),
  ),
  check(
    'id-token-rs256-by-default',
    'OpenID Connect Registration 1.0, 2',
    'signs with RS256 for a client that registered nothing else',
    async (op) => expect((await op.signIn(WEB)).header.alg).to.equal('RS256'),
    idToken('signs with something else', (_claims, header) => Object.assign(header, { alg: 'ES256' })),
  ),
  check(
    'id-token-es256-on-request',
    'OpenID Connect Registration 1.0, 2',
    'signs with the algorithm the client registered',
    async (op) => expect((await op.signIn(ES256)).header.alg).to.equal('ES256'),
    idToken('signs with RS256 all the same', (_claims, header) => Object.assign(header, { alg: 'RS256' })),
  ),
  check(
    'id-token-never-unsigned',
    'RFC 8725, 3.1',
    'signs at all',
    async (op) => {
      const flow = await op.authorize(WEB)
      const { json } = await op.redeem(WEB, flow)
      const [head = '', , signature = ''] = String(json.id_token).split('.')
      expect(JSON.parse(Buffer.from(head, 'base64url').toString()).alg).to.not.equal('none')
      expect(signature.length).to.be.above(40)
    },
    idToken('sends it unsigned', (_claims, header) => Object.assign(header, { alg: 'none' })),
  ),
  check(
    'id-token-iss',
    'OpenID Connect Core 1.0, 2',
    'says who issued it',
    async (op) => expect((await op.signIn(WEB)).claims.iss).to.equal(op.issuer),
    idToken('names another issuer', (claims) => Object.assign(claims, { iss: 'https://evil.example' })),
  ),
  check(
    'id-token-aud',
    'OpenID Connect Core 1.0, 2',
    'is for the client alone',
    async (op) => expect([(await op.signIn(WEB)).claims.aud].flat()).to.deep.equal([WEB.id]),
    idToken('is for others too', (claims) => Object.assign(claims, { aud: [WEB.id, 'evil'] })),
  ),
  check(
    'id-token-azp',
    'OpenID Connect Core 1.0, 2',
    'names no other authorized party than the client',
    async (op) => expect((await op.signIn(WEB)).claims.azp ?? WEB.id).to.equal(WEB.id),
    idToken('names another', (claims) => Object.assign(claims, { azp: 'evil' })),
  ),
  check(
    'id-token-sub',
    'OpenID Connect Core 1.0, 2',
    'has a subject of at most 255 ASCII characters',
    async (op) =>
      expect((await op.signIn(WEB)).claims.sub)
        .to.be.a('string')
        .that.matches(/^[\x21-\x7e]{1,255}$/),
    idToken('has a long one', (claims) => Object.assign(claims, { sub: 's'.repeat(300) })),
  ),
  check(
    'id-token-sub-no-address',
    'OpenID Connect Core 1.0, 5.7',
    'has a subject that is nobody’s address or name',
    async (op) => expect((await op.signIn(WEB)).claims.sub).to.not.match(/@|^ada$/i),
    idToken('takes the address', (claims) => Object.assign(claims, { sub: 'ada@example.org' })),
  ),
  check(
    'id-token-sub-stable',
    'OpenID Connect Core 1.0, 2',
    'gives one person one subject, sign-in after sign-in',
    async (op) => {
      const [one, two] = [await op.signIn(WEB), await op.signIn(WEB, {}, op.browser())]
      expect(one.claims.sub).to.equal(two.claims.sub)
    },
    idToken('makes another each time', (claims) => Object.assign(claims, { sub: `${Math.random()}` })),
  ),
  check(
    'id-token-sub-not-shared',
    'OpenID Connect Core 1.0, 2',
    'gives two people two subjects',
    async (op) => {
      const ada = await op.signIn(WEB)
      const flow = await op.authorize(WEB, {}, op.browser(), JANE)
      const { json } = await op.redeem(WEB, flow)
      expect((await op.verify(json.id_token, WEB.id)).payload.sub).to.not.equal(ada.claims.sub)
    },
    idToken('mixes them up', (claims) => Object.assign(claims, { sub: 'everybody' })),
  ),
  check(
    'id-token-exp',
    'OpenID Connect Core 1.0, 2',
    'expires, and within a day',
    async (op) => expect(Number((await op.signIn(WEB)).claims.exp)).to.be.within(now(), now() + 86_400),
    idToken('lives for years', (claims) => Object.assign(claims, { exp: now() + 1e8 })),
    idToken('does not expire', (claims) => delete claims.exp),
  ),
  check(
    'id-token-iat',
    'OpenID Connect Core 1.0, 2',
    'says when it was made: now',
    async (op) => expect((await op.signIn(WEB)).claims.iat).to.be.closeTo(now(), 15),
    idToken('says yesterday', (claims) => Object.assign(claims, { iat: now() - 86_400 })),
    idToken('does not say', (claims) => delete claims.iat),
  ),
  check(
    'id-token-nonce',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'holds the nonce as it was sent',
    async (op) => {
      const { request, claims } = await op.signIn(WEB)
      expect(claims.nonce).to.equal(request.nonce)
    },
    idToken('changes the nonce', (claims) => Object.assign(claims, { nonce: 'another' })),
    idToken('loses the nonce', (claims) => delete claims.nonce),
  ),
  check(
    'id-token-nonce-none',
    'OpenID Connect Core 1.0, 15.1',
    'holds no nonce where none was sent',
    async (op) => expect((await op.signIn(WEB, { nonce: undefined })).claims).to.not.have.property('nonce'),
    idToken('makes one up', (claims) => Object.assign(claims, { nonce: 'made-up' })),
  ),
  check(
    'id-token-at-hash',
    'OpenID Connect Core 1.0, 3.1.3.6',
    'is bound to its access token, where it says so',
    async (op) => {
      const { claims, tokens } = await op.signIn(WEB)
      const half = createHash('sha256').update(tokens.access_token).digest().subarray(0, 16)
      expect(claims.at_hash ?? half.toString('base64url')).to.equal(half.toString('base64url'))
    },
    idToken('is bound to another', (claims) => Object.assign(claims, { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' })),
  ),
  check(
    'id-token-no-pii',
    'OpenID Connect Core 1.0, 5.4',
    'leaves what scopes ask for to userinfo where there is an access token',
    async (op) => expect((await op.signIn(WEB)).claims).to.not.have.any.keys('email', 'name', 'phone_number'),
    idToken('tells the address', (claims) => Object.assign(claims, { email: 'ada@example.org' })),
  ),
  check(
    'id-token-public-client',
    'OpenID Connect Core 1.0, 2',
    'is for the public client that asked',
    async (op) => expect((await op.signIn(SPA)).claims.aud).to.equal(SPA.id),
    idToken('is for another', (claims) => Object.assign(claims, { aud: WEB.id })),
  ),
  check(
    'id-token-acr',
    'OpenID Connect Core 1.0, 2',
    'says by an announced level how the person signed in, when asked',
    async (op) => {
      const { acr_values_supported: known } = (await op.get('/.well-known/openid-configuration')).json
      const { claims } = await op.signIn(WEB, { acr_values: known[0] })
      expect(claims.acr).to.be.oneOf(known)
    },
    idToken('says something else', (claims) => Object.assign(claims, { acr: 'urn:gold' })),
    idToken('does not say', (claims) => delete claims.acr),
  ),
]
