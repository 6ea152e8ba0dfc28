import { expect } from 'chai'
import * as client from 'openid-client'
import { onEveryStack, sendJson, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const BACK = 'http://localhost:9/signed-out'
const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const [OLD, OLDER] = ['http://localhost:9', 'http://127.0.0.1:7']
const clients = [
  webClient({
    client_id: 'old',
    frontchannel_logout_uri: `${OLD}/old/out?keep=this`,
    frontchannel_logout_session_required: true,
  }),
  webClient({
    client_id: 'older',
    redirect_uris: [CALLBACK, `${OLDER}/callback`],
    frontchannel_logout_uri: `${OLDER}/older/out`,
  }),
  webClient(),
]
const options = { settings: { INITIAL_ACCESS_TOKEN: TOKEN }, overrides: { clients } }

onEveryStack('front-channel logout (OpenID Connect Front-Channel Logout 1.0)', options, (app) => {
  const enter = async (id: string, agent?: UserAgent) =>
    signIn(await discover(app.issuer, id), { redirect_uri: CALLBACK }, agent ? { agent } : {})

  async function leave(
    agent: UserAgent,
    idToken: string | undefined,
    fields: Record<string, string>,
    pick = 0,
  ) {
    const rp = await discover(app.issuer, 'web')
    const parameters = { post_logout_redirect_uri: BACK, state: 's1', client_id: 'web' }
    const url = client.buildEndSessionUrl(
      rp,
      idToken ? { ...parameters, id_token_hint: idToken } : parameters,
    )
    agent.stopAt = (at) => at.startsWith(BACK)
    return agent.submit(await agent.get(url.href), fields, pick)
  }
  const unescaped = (text: string) => text.replaceAll('&amp;', '&')
  const framesOf = ({ text }: Page) =>
    [...text.matchAll(/<iframe src="([^"]+)"/g)].map(([, src = '']) => new URL(unescaped(src)))
  const policyOf = ({ headers }: Page) => String(headers.get('content-security-policy'))

  it('says so in the discovery document (3)', async () => {
    const { frontchannel_logout_supported: is, frontchannel_logout_session_supported: withSid } = (
      await discover(app.issuer)
    ).serverMetadata()
    expect([is, withSid]).to.deep.equal([true, true])
  })

  it('opens each app of the session in a hidden frame, with iss and its own sid (2, 3)', async () => {
    const { agent, tokens } = await enter('old')
    const older = await enter('older', agent)
    const { tokens: web } = await enter('web', agent)
    const sid = tokens.claims()?.sid
    expect(sid, 'the app that asked for it can tell its sessions apart').to.be.a('string')
    expect(older.tokens.claims()).to.not.have.property('sid')
    const page = await leave(agent, web.id_token, { logout: 'yes' })
    expect(page.status).to.equal(200)
    const frames = framesOf(page)
    expect(frames.map((url) => url.origin + url.pathname).sort()).to.deep.equal([
      `${OLDER}/older/out`,
      `${OLD}/old/out`,
    ])
    const old = frames.find((url) => url.pathname === '/old/out')
    expect(Object.fromEntries(old?.searchParams ?? [])).to.deep.equal({ keep: 'this', iss: app.issuer, sid })
    for (const [tag] of page.text.matchAll(/<iframe[^>]*>/g))
      expect(tag)
        .to.match(/ hidden /)
        .and.to.match(/ sandbox="allow-scripts allow-same-origin"/)
    expect(page.headers.get('refresh'), 'then it goes on').to.equal(`3;url=${BACK}?state=s1`)
    expect(unescaped(page.text)).to.include(`href="${BACK}?state=s1"`)
    expect((await agent.get(`${app.issuer}/session/end`)).text).to.not.include('jane@example.org')
  })

  it('lets that page frame these origins and no other, and other pages none', async () => {
    const { agent } = await enter('old')
    const asks = await agent.get(`${app.issuer}/session/end`)
    expect(policyOf(asks)).to.include("frame-src 'self';")
    const page = await leave(agent, undefined, { logout: 'yes' })
    expect(policyOf(page)).to.include(`;frame-src ${OLD};`).and.to.include("default-src 'none'")
    expect(policyOf(page)).to.include("frame-ancestors 'none'").and.to.include("script-src 'self'")
  })

  it('is no page of its own where no app of the session asked for it', async () => {
    const { agent, tokens } = await enter('web')
    expect((await leave(agent, tokens.id_token, { logout: 'yes' })).url).to.equal(`${BACK}?state=s1`)
  })

  it('tells nobody when the person stays signed in', async () => {
    const { agent } = await enter('old')
    expect((await leave(agent, undefined, {}, 1)).url).to.equal(`${BACK}?state=s1`)
    expect((await agent.get(`${app.issuer}/session/end`)).text).to.include('jane@example.org')
  })

  it('tells of this session only: what another person or browser uses is not opened', async () => {
    await enter('old')
    const { agent } = await enter('older')
    const page = await leave(agent, undefined, { logout: 'yes' })
    expect(framesOf(page).map(({ pathname }) => pathname)).to.deep.equal(['/older/out'])
  })

  describe('registration (2)', () => {
    const register = (more: object) =>
      sendJson(
        'POST',
        `${app.issuer}/reg`,
        { redirect_uris: ['https://app.example.org/cb', 'http://localhost:8080/cb'], ...more },
        { bearer: TOKEN },
      )

    it('takes an address at the origin of a redirect URI, and gives it back', async () => {
      for (const uri of ['https://app.example.org/out?a=b', 'http://localhost:8080/out']) {
        const more = { frontchannel_logout_uri: uri, frontchannel_logout_session_required: true }
        const { status, json } = await register(more)
        expect(status, JSON.stringify(json)).to.equal(201)
        expect(json).to.include(more)
      }
    })

    for (const [what, metadata] of Object.entries({
      'another host': { frontchannel_logout_uri: 'https://other.example.org/out' },
      'a host that begins alike': { frontchannel_logout_uri: 'https://app.example.org.evil.example/out' },
      'another port': { frontchannel_logout_uri: 'https://app.example.org:8443/out' },
      'another scheme': { frontchannel_logout_uri: 'http://app.example.org/out' },
      'a script': { frontchannel_logout_uri: 'javascript:alert(1)//app.example.org' },
      'data of its own': { frontchannel_logout_uri: 'data:text/html,x' },
      'a user name': { frontchannel_logout_uri: 'https://app.example.org@app.example.org/out' },
      'a fragment': { frontchannel_logout_uri: 'https://app.example.org/out#' },
      'a policy of its own': { frontchannel_logout_uri: 'https://app.example.org; frame-src *' },
      'a list': { frontchannel_logout_uri: ['https://app.example.org/out'] },
      'no address': { frontchannel_logout_uri: '/out' },
      'a word for yes': {
        frontchannel_logout_uri: 'https://app.example.org/out',
        frontchannel_logout_session_required: 'yes',
      },
    }))
      it(`refuses ${what}`, async () => {
        const { status, json } = await register(metadata)
        expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
        expect(json.error_description).to.match(/^frontchannel_logout_/)
      })

    it('refuses hosts that the policy of the page would read as a part of itself', async () => {
      for (const origin of ['https://app,default-src', 'https://app;sandbox', 'https://*.example.org']) {
        const { status, json } = await register({
          redirect_uris: [`${origin}/cb`],
          frontchannel_logout_uri: `${origin}/out`,
        })
        expect([origin, status, json.error]).to.deep.equal([origin, 400, 'invalid_client_metadata'])
        expect(json.error_description).to.match(/^frontchannel_logout_uri must have a host/)
      }
    })

    it('leaves what only the operator sets to the operator', async () => {
      for (const more of [{ first_party: true }, { profile: 'standard' }]) {
        const { status, json } = await register(more)
        expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
      }
    })
  })
})
