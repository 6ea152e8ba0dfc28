import { expect } from 'chai'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  responseOf,
  signIn,
} from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  exchange,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'

const clients = [
  webClient(),
  publicClient(),
  webClient({ client_id: 'post', token_endpoint_auth_method: 'client_secret_post' }),
  webClient({ client_id: 'es256', id_token_signed_response_alg: 'ES256' }),
  webClient({ client_id: 'no-refresh', grant_types: ['authorization_code'] }),
]

onEveryStack('authorization code with PKCE', { overrides: { clients } }, (app) => {
  const keys = () => createRemoteJWKSet(new URL(`${app.issuer}/jwks`))

  it('signs a confidential app’s user in, and the ID token says who, when and how (OIDC Core 2)', async () => {
    const before = Math.floor(Date.now() / 1000)
    const { tokens, started } = await signIn(await discover(app.issuer), { max_age: '3600' })
    const { payload, protectedHeader } = await jwtVerify(String(tokens.id_token), keys(), {
      issuer: app.issuer,
      audience: 'web',
    })
    expect(protectedHeader.alg).to.equal('RS256')
    expect(payload.nonce).to.equal(started.checks.expectedNonce)
    expect(payload.sub).to.match(/^usr_/)
    expect(payload.acr).to.equal('urn:ostiary:acr:password')
    expect(payload.amr).to.deep.equal(['pwd'])
    expect(payload.auth_time).to.be.within(before, Math.floor(Date.now() / 1000))
    expect(Number(payload.exp) - Number(payload.iat)).to.equal(600)
    // Claims of a scope come from userinfo while an access token is issued (OIDC Core 5.4).
    expect(payload).to.not.have.property('email')
  })

  it('signs ID tokens with ES256 for the app that asks for it', async () => {
    const { tokens } = await signIn(await discover(app.issuer, 'es256'))
    expect(decodeProtectedHeader(String(tokens.id_token)).alg).to.equal('ES256')
    await jwtVerify(String(tokens.id_token), keys(), { issuer: app.issuer, audience: 'es256' })
  })

  it('signs a public app’s user in without any secret', async () => {
    const rp = await discoverPublic(app.issuer)
    const { tokens, sub } = await signIn(rp)
    const info = await client.fetchUserInfo(rp, tokens.access_token, sub)
    expect(info.email).to.equal(JANE.email)
  })

  it('takes the secret in the body too (RFC 6749 2.3.1)', async () => {
    const rp = await client.discovery(new URL(app.issuer), 'post', RP_SECRET, undefined, {
      execute: [client.allowInsecureRequests],
    })
    const { tokens } = await signIn(rp)
    expect(tokens.access_token).to.be.a('string')
  })

  it('answers the token request with bearer token, lifetime and scope, never to be stored (RFC 6749 5.1)', async () => {
    const started = await begin(await discover(app.issuer))
    const { url } = await walk(newAgent(), started.url, JANE)
    const form = {
      grant_type: 'authorization_code',
      code: String(responseOf(url).code),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
    }
    const { status, headers, json } = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect(status).to.equal(200)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(json.token_type.toLowerCase()).to.equal('bearer')
    expect(json.expires_in).to.equal(600)
    expect(json.scope).to.equal('openid email')
    expect(Object.keys(json).sort()).to.deep.equal([
      ...['access_token', 'expires_in', 'id_token', 'refresh_token', 'scope', 'token_type'],
    ])
  })

  it('gives no refresh token to an app that is not registered for it', async () => {
    const { tokens } = await signIn(await discover(app.issuer, 'no-refresh'))
    expect(tokens.refresh_token).to.equal(undefined)
  })

  it('names itself in the response to the app, beside state and nothing else (RFC 9207 2)', async () => {
    const { callback, started } = await signIn(await discover(app.issuer))
    const { code, ...rest } = responseOf(callback)
    expect(code).to.be.a('string')
    expect(rest).to.deep.equal({ iss: app.issuer, state: started.checks.expectedState })
  })

  it('names itself in an error response too (RFC 9207 2)', async () => {
    const agent = newAgent()
    const started = await begin(await discover(app.issuer))
    const page = await agent.get(started.url.href)
    const { url } = await agent.submit(page, {}, '/abort')
    const { error_description: _, ...rest } = responseOf(url)
    expect(rest).to.deep.equal({
      error: 'access_denied',
      iss: app.issuer,
      state: started.checks.expectedState,
    })
  })

  it('goes back to the app with 303, so that no posted password travels on (RFC 9700 4.12)', async () => {
    const { agent } = await signIn(await discover(app.issuer))
    const { url } = await begin(await discover(app.issuer))
    const { status, headers } = await get(url.href, {
      headers: { accept: 'text/html', cookie: agent.cookieHeader(url.href) },
    })
    expect(status).to.equal(303)
    expect(headers.get('location')).to.include(`${CALLBACK}?code=`)
    expect(headers.get('referrer-policy')).to.equal('no-referrer')
  })

  it('takes the request by POST as well as by GET (OIDC Core 3.1.2.1)', async () => {
    const rp = await discover(app.issuer)
    const started = await begin(rp, { state: 'a b&c=d' })
    const { pathname, searchParams } = started.url
    const agent = newAgent()
    const fields = Object.fromEntries(searchParams)
    const page = await agent.post(app.issuer + pathname, fields)
    expect(page.text).to.include('class="view-sign-in"')
    const { url } = await walk(agent, page.url, JANE)
    expect(responseOf(url).state).to.equal('a b&c=d')
    const checks = { ...started.checks, expectedState: 'a b&c=d' }
    expect((await exchange(rp, url, { ...started, checks })).id_token).to.be.a('string')
    const evil = await post(app.issuer + pathname, {
      ...fields,
      redirect_uri: 'https://evil.example/\r\nX: y',
    })
    expect(evil.status).to.equal(303)
    expect(evil.headers.get('location')).to.match(/^\/auth\?/)
    expect(evil.headers.get('x')).to.equal(null)
    expect((await post(app.issuer + pathname, { state: 'x'.repeat(9000) })).status).to.equal(413)
  })

  it('hands the code over by form_post when asked, in a page that may run its one script', async () => {
    const rp = await discover(app.issuer)
    const { agent } = await signIn(rp)
    const started = await begin(rp, { response_mode: 'form_post' })
    const page = await agent.get(started.url.href)
    const fields = Object.fromEntries(page.forms[0]?.fields ?? [])
    expect(page.forms[0]?.action).to.equal(CALLBACK)
    expect(fields.iss).to.equal(app.issuer)
    expect(fields.state).to.equal(started.checks.expectedState)
    expect(page.headers.get('content-security-policy')).to.match(/script-src 'self' 'sha256-/)
    expect(page.headers.get('cache-control')).to.include('no-store')
    const tokens = await exchange(rp, `${CALLBACK}?${new URLSearchParams(fields)}`, started)
    expect(tokens.id_token).to.be.a('string')
  })

  it('hands the code over in the fragment when asked', async () => {
    const { agent } = await signIn(await discover(app.issuer))
    const { url } = await agent.get(
      (await begin(await discover(app.issuer), { response_mode: 'fragment' })).url.href,
    )
    expect(new URL(url).search).to.equal('')
    expect(new URLSearchParams(new URL(url).hash.slice(1)).get('code')).to.be.a('string')
  })
})
