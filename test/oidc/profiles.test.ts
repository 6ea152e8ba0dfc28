/** One word per client (`profile`): a client of each profile completes a flow, and one with a weak choice does not. */
import { expect } from 'chai'
import { exportJWK, type JWK, SignJWT } from 'jose'
import * as client from 'openid-client'
import { applyDeclaredClients, type DeclaredClient } from '../../src/oidc/declared-clients.ts'
import { keyringOf } from '../support/people.ts'
import { get, JANE, onEveryStack, refusal, responseOf } from '../support/protocol.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const CALLBACK = 'https://app.example/callback'

async function newKeys(kid: string, alg = 'ES256') {
  const pair = await client.randomDPoPKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' }
  return { pair, jwk, signer: { key: pair.privateKey, kid } }
}
type Keys = Awaited<ReturnType<typeof newKeys>>

const keys: Record<string, Keys> = {}

function declared(id: string, more: Record<string, unknown>): DeclaredClient {
  return {
    client_id: id,
    client_name: `Test ${id}`,
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [keys[id]?.jwk] },
    ...more,
  }
}

async function options() {
  for (const id of ['hard', 'fapi', 'signed']) keys[id] = await newKeys(id)
  keys.rsa = await newKeys('rsa', 'RS256')
  keys.two = await newKeys('two')
  const clients = [
    declared('rsa', { profile: 'fapi2' }),
    declared('two', { profile: 'fapi2', jwks: { keys: [keys.two.jwk, keys.rsa.jwk] } }),
    declared('hard', { profile: 'hardened' }),
    declared('fapi', { profile: 'fapi2' }),
    declared('signed', { profile: 'fapi2', message_signing: true }),
  ]
  return { overrides: { clients } }
}

onEveryStack('profiles', options, (app) => {
  async function discover(id: string, ...more: ((config: client.Configuration) => void)[]) {
    const { signer } = keys[id] as Keys
    // FAPI 2.0 5.3.2.1: the assertion is made for the issuer and for nobody else.
    const proof = client.PrivateKeyJwt(signer, {
      [client.modifyAssertion]: (_header, claims) => {
        claims.aud = app.issuer
      },
    })
    const execute = [client.allowInsecureRequests, ...more]
    return client.discovery(new URL(app.issuer), id, undefined, proof, { execute })
  }

  async function walk(address: URL): Promise<string> {
    const agent = new UserAgent()
    agent.stopAt = (url) => url.startsWith('https://app.example/')
    const signIn = await agent.get(address.href)
    if (signIn.forms.length === 0) return signIn.url
    const next = await agent.submit(signIn, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    return next.forms.length === 0 ? next.url : (await agent.submit(next, {}, '/consent')).url
  }

  async function request() {
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const parameters = {
      redirect_uri: CALLBACK,
      scope: 'openid email',
      state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    }
    return { parameters, checks: { pkceCodeVerifier, expectedState, idTokenExpected: true } }
  }

  for (const [id, profile] of [
    ['hard', 'hardened'],
    ['fapi', 'fapi2'],
  ] as const) {
    it(`${profile}: pushed, proven by a key, bound to a key, from sign-in to userinfo and refresh`, async () => {
      const rp = await discover(id)
      const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
      const { parameters, checks } = await request()
      const address = await client.buildAuthorizationUrlWithPAR(rp, parameters, { DPoP })
      const callback = await walk(address)
      const tokens = await client.authorizationCodeGrant(rp, new URL(callback), checks, undefined, { DPoP })
      expect(tokens.token_type).to.equal('dpop')
      const sub = String(tokens.claims()?.sub)
      const info = await client.fetchUserInfo(rp, tokens.access_token, sub, { DPoP })
      expect(info.email).to.equal(JANE.email)
      const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token), undefined, { DPoP })
      // FAPI 2.0 5.3.2.1: a refresh token that is bound to the client's key is not rotated.
      expect(renewed.refresh_token).to.equal(tokens.refresh_token)
    })
  }

  it('fapi2 with message_signing: a signed request, a signed answer', async () => {
    const rp = await discover('signed', client.useJwtResponseMode)
    const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    const { parameters, checks } = await request()
    const signed = await client.buildAuthorizationUrlWithJAR(rp, parameters, keys.signed?.signer as never, {
      [client.modifyAssertion]: (_header, claims) => {
        claims.nbf = claims.iat as number
      },
    })
    const address = await client.buildAuthorizationUrlWithPAR(rp, signed.searchParams, { DPoP })
    const callback = await walk(address)
    expect(Object.keys(responseOf(callback))).to.deep.equal(['response'])
    const tokens = await client.authorizationCodeGrant(rp, new URL(callback), checks, undefined, { DPoP })
    expect(tokens.claims()?.iss).to.equal(app.issuer)
  })

  it('refuses what the profile rules out, with the error of the standard', async () => {
    const { parameters } = await request()
    const plain = new URLSearchParams({ client_id: 'fapi', response_type: 'code', ...parameters })
    const page = await get(`${app.issuer}/auth?${plain}`, { headers: { accept: 'text/html' } })
    expect(page.headers.get('location') ?? '', 'not pushed').to.include('error=invalid_request')
    const rp = await discover('fapi')
    // RFC 9449 5.2: no proof, no token.
    const pushed = await client.buildAuthorizationUrlWithPAR(rp, parameters)
    const callback = await walk(pushed)
    const attempt = client.authorizationCodeGrant(rp, new URL(callback), {
      pkceCodeVerifier: 'v'.repeat(43),
      expectedState: String(parameters.state),
    })
    expect((await refusal(attempt)).error).to.be.oneOf(['invalid_dpop_proof', 'invalid_grant'])
    const unsigned = await discover('signed')
    expect((await refusal(client.buildAuthorizationUrlWithPAR(unsigned, parameters))).error).to.equal(
      'invalid_request',
    )
  })

  it('fapi2 takes no assertion that was made for the token endpoint (5.3.2.1)', async () => {
    const { signer } = keys.fapi as Keys
    const proof = client.PrivateKeyJwt(signer, {
      [client.modifyAssertion]: (_header, claims) => {
        claims.aud = `${app.issuer}/token`
      },
    })
    const rp = await client.discovery(new URL(app.issuer), 'fapi', undefined, proof, {
      execute: [client.allowInsecureRequests],
    })
    const attempt = client.buildAuthorizationUrlWithPAR(rp, (await request()).parameters)
    expect((await refusal(attempt)).error).to.equal('invalid_client')
  })

  it('fapi2 takes no RS256, also where the client registered no algorithm (5.4.1)', async () => {
    const { parameters } = await request()
    const weak = client.buildAuthorizationUrlWithPAR(await discover('rsa'), parameters)
    expect(await refusal(weak)).to.include({ error: 'invalid_client', status: 401 })
    // As an assertion, so as a request.
    const request_object = await new SignJWT({ ...parameters, response_type: 'code', client_id: 'two' })
      .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
      .setIssuer('two')
      .setAudience(app.issuer)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('1m')
      .sign((keys.rsa as Keys).pair.privateKey)
    const signed = client.buildAuthorizationUrlWithPAR(await discover('two'), { request: request_object })
    expect((await refusal(signed)).error).to.equal('invalid_request_object')
  })

  it('fapi2 wants a proof made after the server’s word (RFC 9449 8)', async () => {
    const rp = await discover('fapi')
    const answers: string[] = []
    rp[client.customFetch] = async (url, init) => {
      const answer = await fetch(url, init as RequestInit)
      const { error } = (await answer.clone().json()) as { error?: string }
      answers.push(error ?? String(answer.status))
      return answer
    }
    const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    // The library is told, and sends again with the nonce.
    await client.buildAuthorizationUrlWithPAR(rp, (await request()).parameters, { DPoP })
    expect(answers).to.deep.equal(['use_dpop_nonce', '201'])
  })

  for (const [weak, sentence] of [
    [{ token_endpoint_auth_method: 'client_secret_basic', client_secret: 's'.repeat(40) }, /private_key_jwt/],
    [{ require_pushed_authorization_requests: false }, /must be true.*\/par/],
    [{ dpop_bound_access_tokens: false }, /must be true.*RFC 9449/],
    [{ id_token_signed_response_alg: 'RS256' }, /PS256, ES256/],
    [{ redirect_uris: ['http://localhost:3000/cb'] }, /must be https/],
    [{ token_endpoint_auth_signing_alg: 'RS256' }, /PS256, ES256/],
    [{ message_signing: true, require_signed_request_object: false }, /Message Signing/],
    [{ message_signing: true, response_modes: ['query'] }, /only jwt/],
    [{ profile: 'hardened', message_signing: true }, /needs profile "fapi2"/],
    [{ profile: 'paranoid' }, /standard, hardened, fapi2/],
  ] as const) {
    it(`refuses a fapi2 client with ${JSON.stringify(weak)}, and says what mends it`, async () => {
      const entry = declared('fapi', { client_id: 'weak', profile: 'fapi2', ...weak })
      const { app: running } = app
      const attempt = applyDeclaredClients(
        running.engine.provider,
        running.storage.database.clients,
        await keyringOf(app),
        [entry],
      )
      const error = await attempt.then(
        () => new Error('it was taken'),
        (thrown: Error) => thrown,
      )
      expect(error.message).to.match(/^client "weak": /)
      expect(error.message).to.match(sentence)
    })
  }
})
