import { expect } from 'chai'
import { discoverPublic, get, newAgent, onEveryStack, post, send, signIn } from '../support/protocol.ts'
import { begin, discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

/** The origin of CALLBACK, which is where the single-page app lives. */
const SPA = 'http://localhost:9'
const OTHERS = ['https://evil.example', 'http://localhost:10', 'https://localhost:9', 'null']

onEveryStack('CORS', { overrides: { clients: [webClient(), publicClient()] } }, (app) => {
  const from = (origin: string) => ({ headers: { origin } })
  const allowed = (headers: Headers) => headers.get('access-control-allow-origin')
  const newTokens = async () => (await signIn(await discoverPublic(app.issuer))).tokens
  const refresh = (refresh_token: unknown, origin: string) =>
    post(
      `${app.issuer}/token`,
      { grant_type: 'refresh_token', refresh_token: String(refresh_token), client_id: 'spa' },
      from(origin),
    )

  it('lets the origin of a single-page app’s redirect_uri read /token, /userinfo and /revoke', async () => {
    const tokens = await newTokens()
    const userinfo = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token, ...from(SPA) })
    expect([userinfo.status, allowed(userinfo.headers)]).to.deep.equal([200, SPA])
    const token = await refresh(tokens.refresh_token, SPA)
    expect([token.status, allowed(token.headers)]).to.deep.equal([200, SPA])
    expect(token.headers.get('vary')).to.match(/origin/i)
    const form = { token: token.json.refresh_token, client_id: 'spa' }
    const revoked = await post(`${app.issuer}/revoke`, form, from(SPA))
    expect([revoked.status, allowed(revoked.headers)]).to.deep.equal([200, SPA])
  })

  for (const origin of OTHERS)
    it(`lets ${origin} read none of them, and does not do what it asks`, async () => {
      const tokens = await newTokens()
      const userinfo = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token, ...from(origin) })
      expect([userinfo.status, allowed(userinfo.headers)]).to.deep.equal([400, null])
      expect(userinfo.json).to.not.have.property('sub')
      const token = await refresh(tokens.refresh_token, origin)
      expect([token.status, allowed(token.headers)]).to.deep.equal([400, null])
      expect(token.json).to.not.have.property('access_token')
      expect((await refresh(tokens.refresh_token, SPA)).status, 'nothing was used up').to.equal(200)
    })

  it('has no cookies in it: a browser sends none along', async () => {
    const tokens = await newTokens()
    const { headers } = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token, ...from(SPA) })
    expect(headers.get('access-control-allow-credentials')).to.equal(null)
  })

  it('is not for confidential clients: their secret has no business in a browser', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    const form = { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) }
    const { status, headers } = await post(`${app.issuer}/token`, form, {
      basic: ['web', RP_SECRET],
      ...from(SPA),
    })
    expect([status, allowed(headers)]).to.deep.equal([400, null])
  })

  it('answers the preflight a browser sends before a DPoP or bearer request', async () => {
    const { status, headers } = await send('OPTIONS', `${app.issuer}/userinfo`, undefined, {
      headers: {
        origin: SPA,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,dpop',
      },
    })
    expect([status, allowed(headers)]).to.deep.equal([204, SPA])
    expect(headers.get('access-control-allow-headers')).to.match(/authorization/)
  })

  it('is not for pages people visit: /auth, sign-in, sign-out, device (RFC 9700 2.6)', async () => {
    const { url } = await begin(await discoverPublic(app.issuer))
    const signInPage = await newAgent().get(url.href)
    const pages = [
      url.href,
      signInPage.url,
      `${app.issuer}/session/end`,
      `${app.issuer}/device`,
      `${app.issuer}/`,
    ]
    for (const page of pages) {
      const answer = await get(page, { headers: { origin: SPA, accept: 'text/html' } })
      expect(allowed(answer.headers), page).to.equal(null)
      const preflight = await send('OPTIONS', page, undefined, {
        headers: { origin: SPA, 'access-control-request-method': 'GET' },
      })
      expect(allowed(preflight.headers), page).to.equal(null)
    }
  })
})
