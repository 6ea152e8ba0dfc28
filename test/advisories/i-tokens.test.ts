/**
 * Advisory group I (what is signed, and what it is for): every kind of token at every place that takes one, each required
 * claim taken out, algorithms confused, and one character changed, dropped or added. Beside every refusal stands the
 * same token where it belongs: it is taken.
 */
import { createHash, createPublicKey, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { CompactEncrypt, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { get, JANE, newAgent, onEveryStack, post, responseOf, sendJson, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const API = 'https://orders.example/api'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const jwk = await exportJWK(publicKey)
const jwks = { keys: [{ ...jwk, kid: 'k', alg: 'ES256', use: 'sig' }] }
const { client_secret: _, ...keyed } = webClient({
  client_id: 'keyed',
  jwks,
  token_endpoint_auth_method: 'private_key_jwt',
  grant_types: ['authorization_code', 'client_credentials'],
})
const clients = [
  webClient({ jwks, grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }),
  webClient({ client_id: 'signed-userinfo', userinfo_signed_response_alg: 'ES256' }),
  webClient({ client_id: 'signed-introspection', introspection_signed_response_alg: 'ES256' }),
  keyed,
]
const settings = {
  INITIAL_ACCESS_TOKEN: REGISTER,
  RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['orders'] }]),
}
const now = () => Math.floor(Date.now() / 1000)
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

onEveryStack('advisories I: tokens', { settings, overrides: { clients } }, (app) => {
  type Claims = Record<string, unknown>
  const sign = (claims: Claims, header: Claims = {}, key: Parameters<SignJWT['sign']>[0] = privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k', ...header }).sign(key)

  const assertionOf = (changes: Claims = {}): Claims => ({
    ...{ iss: 'keyed', sub: 'keyed', aud: app.issuer, jti: randomUUID(), iat: now(), exp: now() + 60 },
    ...changes,
  })
  const proofOf = (token: string | undefined, changes: Claims = {}): Claims => ({
    ...{ htm: token ? 'GET' : 'POST', htu: `${app.issuer}/${token ? 'userinfo' : 'token'}` },
    ...{ jti: randomUUID(), iat: now() },
    ...(token ? { ath: createHash('sha256').update(token).digest('base64url') } : {}),
    ...changes,
  })
  const PROOF = { typ: 'dpop+jwt', jwk, kid: undefined }
  async function requestOf(changes: Claims = {}): Promise<Claims> {
    const { url } = await begin(await discover(app.issuer))
    const parameters = Object.fromEntries(url.searchParams)
    return { ...parameters, iss: 'web', aud: app.issuer, iat: now(), exp: now() + 60, ...changes }
  }

  /** One of each kind, as somebody could come by it. */
  async function makeTokens() {
    const rp = await discover(app.issuer)
    const { agent, tokens, callback } = await signIn(rp, {
      scope: 'openid offline_access email',
      prompt: 'consent',
    })
    const forApi = await signIn(
      rp,
      { scope: 'openid orders', resource: API },
      { agent, exchange: { resource: API } },
    )
    const other = await signIn(await discover(app.issuer, 'signed-userinfo'))
    const userinfo = await get(`${app.issuer}/userinfo`, { bearer: other.tokens.access_token })
    const introspector = { basic: ['signed-introspection', RP_SECRET] as const }
    const introspection = await post(
      `${app.issuer}/introspect`,
      { token: 'x' },
      { ...introspector, headers: { accept: 'application/token-introspection+jwt' } },
    )
    const jarm = await walk(newAgent(), (await begin(rp, { response_mode: 'jwt' })).url, JANE)
    const registered = await sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [CALLBACK] },
      { bearer: REGISTER },
    )
    const bound = await post(
      `${app.issuer}/token`,
      { grant_type: 'client_credentials' },
      { basic: ['web', RP_SECRET], headers: { dpop: await sign(proofOf(undefined), PROOF) } },
    )
    return {
      agent,
      bound: String(bound.json.access_token),
      registration: registered.json.registration_client_uri as string,
      kinds: {
        'ID token': String(tokens.id_token),
        'access token': tokens.access_token,
        'JWT access token': forApi.tokens.access_token,
        'refresh token': String(tokens.refresh_token),
        'used code': String(responseOf(callback).code),
        'userinfo answer': userinfo.text,
        'introspection answer': introspection.text,
        'authorization answer': String(responseOf(jarm.url).response),
        'client assertion': await sign(assertionOf()),
        'DPoP proof': await sign(proofOf(undefined), PROOF),
        'request object': await sign(await requestOf()),
        'registration token': String(registered.json.registration_access_token),
        'initial access token': REGISTER,
      } satisfies Record<string, string>,
    }
  }
  type Made = Awaited<ReturnType<typeof makeTokens>>

  const web = { basic: ['web', RP_SECRET] as const }
  /** Where a token is taken: which kind, and whether one was. */
  const PLACES: Record<string, { takes: string; accepts: (token: string, made: Made) => Promise<boolean> }> =
    {
      'userinfo, as bearer': {
        takes: 'access token',
        accepts: async (bearer) => (await get(`${app.issuer}/userinfo`, { bearer })).status === 200,
      },
      'the authorization endpoint, as id_token_hint': {
        takes: 'ID token',
        accepts: async (id_token_hint, { agent }) => {
          const { url } = await begin(await discover(app.issuer), { prompt: 'none', id_token_hint })
          return 'code' in responseOf((await agent.get(url.href)).url)
        },
      },
      'the end of the session, as id_token_hint': {
        takes: 'ID token',
        accepts: async (id_token_hint) => {
          const query = new URLSearchParams({ id_token_hint })
          return (
            (await get(`${app.issuer}/session/end?${query}`, { headers: { accept: 'text/html' } })).status ===
            200
          )
        },
      },
      'the token endpoint, as client assertion': {
        takes: 'client assertion',
        accepts: async (client_assertion) => {
          const form = {
            grant_type: 'client_credentials',
            client_assertion_type: ASSERTION,
            client_assertion,
          }
          return (await post(`${app.issuer}/token`, form)).status === 200
        },
      },
      'the token endpoint, as DPoP proof': {
        takes: 'DPoP proof',
        accepts: async (dpop) => {
          const form = { grant_type: 'client_credentials' }
          return (await post(`${app.issuer}/token`, form, { ...web, headers: { dpop } })).status === 200
        },
      },
      'the authorization endpoint, as request object': {
        takes: 'request object',
        accepts: async (request, { agent }) => {
          const query = new URLSearchParams({ client_id: 'web', request })
          return 'code' in responseOf((await agent.get(`${app.issuer}/auth?${query}`)).url)
        },
      },
      'the token endpoint, as refresh token': {
        takes: 'refresh token',
        accepts: async (refresh_token) => {
          const form = { grant_type: 'refresh_token', refresh_token }
          return (await post(`${app.issuer}/token`, form, web)).status === 200
        },
      },
      'the token endpoint, as code': {
        takes: 'nothing',
        accepts: async (code) => {
          const form = {
            grant_type: 'authorization_code',
            redirect_uri: CALLBACK,
            code_verifier: 'v'.repeat(43),
            code,
          }
          return (await post(`${app.issuer}/token`, form, web)).status === 200
        },
      },
      'the client’s own entry, as registration token': {
        takes: 'registration token',
        accepts: async (bearer, { registration }) => (await get(registration, { bearer })).status === 200,
      },
      'registration, as initial access token': {
        takes: 'initial access token',
        accepts: async (bearer) =>
          (await sendJson('POST', `${app.issuer}/reg`, { redirect_uris: [CALLBACK] }, { bearer })).status ===
          201,
      },
    }

  for (const [place, { takes, accepts }] of Object.entries(PLACES))
    it(`${place}: ${takes} and no other kind (CVE-2026-55669, CVE-2026-9094, CVE-2026-11800; RFC 8725 3.12)`, async function () {
      this.timeout(60_000)
      const made = await makeTokens()
      const taken: string[] = []
      // A code shown again ends all that came of it, so it is the last.
      const order = Object.entries(made.kinds).sort(
        ([one], [two]) => Number(one === 'used code') - Number(two === 'used code'),
      )
      for (const [kind, token] of order) if (await accepts(token, made)) taken.push(kind)
      expect(taken).to.deep.equal(takes === 'nothing' ? [] : [takes])
    })

  /**
   * One character dropped, added, changed; upper and lower case; half of it. Padding alone (`=`) is left out: the bytes
   * are the same then, and what counts once is counted by its `jti`.
   */
  function spoiled(token: string): string[] {
    const at = (index: number) => {
      const other = token[index] === 'A' ? 'B' : 'A'
      return token.slice(0, index) + other + token.slice(index + 1)
    }
    const dots = [...token.matchAll(/\./g)].map(({ index }) => index)
    const middles = [0, ...dots, token.length].flatMap((start, part, all) =>
      all[part + 1] === undefined ? [] : [Math.floor((start + Number(all[part + 1])) / 2)],
    )
    return [
      ...[token.slice(0, -1), token.slice(1), token.slice(0, -20), token.slice(0, token.length / 2)],
      ...[
        `${token}A`,
        `A${token}`,
        `${token}.`,
        `${token}A==`,
        `${token} x`,
        token.toUpperCase(),
        token.toLowerCase(),
      ],
      ...middles.map(at),
      ...(dots.length > 0 ? [token.slice(0, dots.at(-1)), `${token.slice(0, dots.at(-1))}.`] : []),
    ].filter((one) => one !== token)
  }

  for (const [place, { takes, accepts }] of Object.entries(PLACES).filter(
    ([, { takes }]) => takes !== 'nothing',
  ))
    it(`${place}: no ${takes} that is cut short, longer, or another by one character (CVE-2026-27840)`, async function () {
      this.timeout(60_000)
      const made = await makeTokens()
      const token = made.kinds[takes as keyof typeof made.kinds]
      const taken: string[] = []
      for (const other of spoiled(token)) if (await accepts(other, made)) taken.push(other)
      expect(taken).to.deep.equal([])
      expect(await accepts(token, made), 'the control').to.equal(true)
    })

  describe('each required claim, taken out (GHSA-wxg7-w2v3-w38g)', () => {
    const accepts = (place: string, token: string) => PLACES[place]!.accepts(token, {} as Made)

    for (const claim of ['iss', 'sub', 'aud', 'exp', 'jti'])
      it(`a client assertion without ${claim} (RFC 7523 3)`, async () => {
        const place = 'the token endpoint, as client assertion'
        expect(await accepts(place, await sign(assertionOf({ [claim]: undefined })))).to.equal(false)
        for (const value of [null, '', 0, {}, []])
          expect(
            await accepts(place, await sign(assertionOf({ [claim]: value }))),
            JSON.stringify(value),
          ).to.equal(false)
      })

    for (const claim of ['htm', 'htu', 'jti', 'iat'])
      it(`a DPoP proof without ${claim} (RFC 9449 4.2)`, async () => {
        const place = 'the token endpoint, as DPoP proof'
        expect(await accepts(place, await sign(proofOf(undefined, { [claim]: undefined }), PROOF))).to.equal(
          false,
        )
        for (const value of [null, '', {}, []])
          expect(
            await accepts(place, await sign(proofOf(undefined, { [claim]: value }), PROOF)),
            JSON.stringify(value),
          ).to.equal(false)
      })

    it('a DPoP proof without ath, beside a token (RFC 9449 4.3)', async () => {
      const { bound } = await makeTokens()
      for (const ath of [undefined, '', null]) {
        const dpop = await sign(proofOf(bound, { ath }), PROOF)
        const { status } = await get(`${app.issuer}/userinfo`, {
          headers: { authorization: `DPoP ${bound}`, dpop },
        })
        expect(status).to.be.oneOf([400, 401])
      }
    })

    for (const change of [
      { exp: 1 },
      { exp: 'soon' },
      { iss: 'keyed' },
      { aud: 'https://evil.example' },
      { client_id: 'keyed' },
      { nbf: 9e9 },
    ])
      it(`a request object with ${JSON.stringify(change)} (RFC 9101 10.2)`, async () => {
        const made = await makeTokens()
        const { accepts: takes } = PLACES['the authorization endpoint, as request object']!
        expect(await takes(await sign(await requestOf(change)), made)).to.equal(false)
      })
  })

  describe('algorithms (CVE-2026-11800, CVE-2026-9793, CVE-2026-9097; RFC 8725 3.1, 3.2)', () => {
    const pem = new TextEncoder().encode(
      createPublicKey({ key: jwk as never, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString(),
    )
    const cases: Record<string, (claims: Claims, header: Claims) => Promise<string>> = {
      none: async (claims) => new UnsecuredJWT(claims).encode(),
      'none, spelled otherwise': async (claims) => `${encoded({ alg: 'nOnE' })}.${encoded(claims)}.`,
      'no algorithm': async (claims) => `${encoded({ kid: 'k' })}.${encoded(claims)}.AA`,
      'HMAC by the public key': (claims, header) => sign(claims, { ...header, alg: 'HS256' }, pem),
      'HMAC by the public key as JWK': (claims, header) =>
        sign(claims, { ...header, alg: 'HS256' }, new TextEncoder().encode(JSON.stringify(jwk))),
      'HMAC by the client’s secret': (claims, header) =>
        sign(claims, { ...header, alg: 'HS256' }, new TextEncoder().encode(RP_SECRET)),
      'a key of its own in the header': async (claims, header) => {
        const thief = await generateKeyPair('ES256')
        return sign(
          claims,
          { ...header, kid: undefined, jwk: await exportJWK(thief.publicKey) },
          thief.privateKey,
        )
      },
      'a key at an address': async (claims, header) => {
        const thief = await generateKeyPair('ES256')
        return sign(
          claims,
          { ...header, jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9/x' },
          thief.privateKey,
        )
      },
      'a key id that is a path and a query': async (claims, header) => {
        const thief = await generateKeyPair('ES256')
        return sign(claims, { ...header, kid: "../../dev/null' or 1=1 --" }, thief.privateKey)
      },
      'a critical header that nobody knows': async (claims, header) =>
        (await sign(claims, header)).replace(
          /^[^.]+/,
          encoded({ alg: 'ES256', kid: 'k', crit: ['exp'], ...header }),
        ),
      'an unsigned one inside of an encrypted one': async (claims) =>
        new CompactEncrypt(new TextEncoder().encode(new UnsecuredJWT(claims).encode()))
          .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT' })
          .encrypt(
            await crypto.subtle.importKey(
              'jwk',
              jwk as JsonWebKey,
              { name: 'ECDH', namedCurve: 'P-256' },
              true,
              [],
            ),
          ),
    }
    for (const [what, forge] of Object.entries(cases))
      it(`${what}: no assertion, no request object, no ID token`, async () => {
        const made = await makeTokens()
        const claims = JSON.parse(
          Buffer.from(String(made.kinds['ID token'].split('.')[1]), 'base64url').toString(),
        )
        const forged: [place: string, token: string][] = [
          ['the token endpoint, as client assertion', await forge(assertionOf(), {})],
          ['the authorization endpoint, as request object', await forge(await requestOf(), {})],
          ['the authorization endpoint, as id_token_hint', await forge(claims, {})],
        ]
        for (const [place, token] of forged)
          expect(await PLACES[place]!.accepts(token, made), place).to.equal(false)
      })
  })
})
