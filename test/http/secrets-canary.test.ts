/** Everything a person and an app do, and then the log: no secret of any kind stands in it (`security.md`, figure 22). */
import { expect } from 'chai'
import * as client from 'openid-client'
import { auth } from '../support/auth-api.ts'
import { sendForm, sendRaw } from '../support/raw-http.ts'
import {
  begin,
  CALLBACK,
  discover,
  exchange,
  publicClient,
  RP_SECRET,
  webClient,
} from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

const EMAIL = 'canary.person@example.org'
const PASSWORDS = {
  first: 'first canary on the wire',
  second: 'second canary, much yellower',
  wrong: 'a wrong canary was typed',
  short: 'tweet-7',
  owner: 'the owner keeps no canaries',
  third: 'third canary, by the interface',
}
const INITIAL_ACCESS_TOKEN = 'canary-initial-access-token-0123456789'
const HTML = { accept: 'text/html' }

for (const stack of STACKS) {
  describe(`secrets and the log (${stack})`, function () {
    this.timeout(60_000)
    let running: RunningApp
    /** what must not be found, by what it is */
    const canaries = new Map<string, string>()
    let mailed: string

    const keep = (what: string, value: string | undefined) => {
      expect(value, what).to.be.a('string').with.length.above(5)
      canaries.set(what, String(value))
    }

    before(async () => {
      running = await startApp({
        stack,
        settings: { INITIAL_ACCESS_TOKEN },
        overrides: { clients: [webClient(), publicClient()] },
      })
      for (const [which, password] of Object.entries(PASSWORDS)) canaries.set(`password: ${which}`, password)
      canaries.set('client secret', RP_SECRET)
      canaries.set('initial access token', INITIAL_ACCESS_TOKEN)
      canaries.set('root key', running.secrets.rootKey.toString('base64'))
      if (running.secrets.databaseUrl) canaries.set('database URL', running.secrets.databaseUrl)
    })
    after(() => running.close())

    const agentAtWork = () => {
      const agent = new UserAgent()
      agent.stopAt = (url) => url.startsWith('http://localhost:9/')
      return agent
    }
    const keepCookies = (agent: UserAgent, url: string, who: string) => {
      for (const pair of agent.cookieHeader(url).split('; ')) {
        const [name = '', value = ''] = pair.split('=')
        // These name the sign-in, as its address does; what makes them worth anything is their signature.
        if (/_(interaction|flow|resume)$/.test(name)) continue
        if (value.length > 8) canaries.set(`${who} cookie ${name}`, value)
      }
    }

    it('sees a registration, its code and its link', async () => {
      const agent = agentAtWork()
      const rp = await discover(running.issuer)
      const started = await begin(rp)
      keep('state', started.checks.expectedState)
      keep('nonce', started.checks.expectedNonce)
      keep('verifier', started.checks.pkceCodeVerifier)
      const signIn = await agent.get(started.url.href)
      keepCookies(agent, signIn.url, 'sign-in')
      const form = await agent.get(`${signIn.url}/register`)
      keep('form token', form.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1])
      await agent.submit(form, { email: EMAIL, password: PASSWORDS.short }, '/register')
      const verify = await agent.submit(form, { email: EMAIL, password: PASSWORDS.first }, '/register')
      const mail = await running.nextMail(EMAIL)
      const code = /(\d{3}) ?(\d{3})/.exec(mail.text)
      mailed = `${code?.[1]}${code?.[2]}`
      const link = /https?:\/\/\S+\/verify-email\/(\S+)/.exec(mail.text)
      keep('verification link token', link?.[1])
      const { pathname } = new URL(String(link?.[0]))
      // mistyped and shouted, as links come out of mail programs
      for (const target of [
        pathname,
        pathname.toUpperCase(),
        `/${pathname}`,
        `${pathname}/`,
        `${pathname}x`,
        `/x${pathname}`,
      ])
        await sendRaw(running.issuer, { target, headers: HTML })
      await agent.submit(verify, { code: '000 000' }, '/verify-email')
      const consent = await agent.submit(verify, { code: mailed }, '/verify-email')
      const done = await agent.submit(consent, {}, '/consent')
      keepCookies(agent, running.issuer, 'signed-in')
      keep('authorization code', new URL(done.url).searchParams.get('code') ?? undefined)
      const tokens = await exchange(rp, done.url, started)
      keep('access token', tokens.access_token)
      keep('ID token', tokens.id_token)
      keep('refresh token', tokens.refresh_token)
      await client.fetchUserInfo(rp, tokens.access_token, String(tokens.claims()?.sub))
      await client.tokenIntrospection(rp, tokens.access_token)
      await exchange(rp, done.url, started).catch(() => {})
      const logout = client.buildEndSessionUrl(rp, { id_token_hint: String(tokens.id_token) })
      await agent.get(logout.href)
    })

    it('sees tokens used up, revoked, refused and sent the wrong way', async () => {
      const rp = await client.discovery(new URL(running.issuer), 'spa', undefined, client.None(), {
        execute: [client.allowInsecureRequests],
      })
      const agent = agentAtWork()
      const started = await begin(rp, { scope: 'openid offline_access', prompt: 'consent' })
      let page = await agent.get(started.url.href)
      page = await agent.submit(page, { identifier: EMAIL, password: PASSWORDS.wrong }, '/sign-in')
      expect(page.status).to.equal(401)
      page = await agent.submit(page, { identifier: PASSWORDS.first, password: PASSWORDS.wrong }, '/sign-in')
      page = await agent.submit(page, { identifier: EMAIL, password: PASSWORDS.first }, '/sign-in')
      page = await agent.submit(page, {}, '/consent')
      const tokens = await exchange(rp, page.url, started)
      keep('rotating refresh token', tokens.refresh_token)
      const fresh = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
      keep('second refresh token', fresh.refresh_token)
      keep('second access token', fresh.access_token)
      await client.refreshTokenGrant(rp, String(tokens.refresh_token)).catch(() => {})
      await client.tokenRevocation(rp, fresh.access_token)
      const { issuer } = running
      for (const token of [fresh.access_token, String(fresh.refresh_token)]) {
        await sendRaw(issuer, { target: `/userinfo?access_token=${token}` })
        await sendRaw(issuer, { target: '/userinfo', headers: { authorization: `Bearer ${token}` } })
        await sendForm(issuer, '/token', `grant_type=refresh_token&client_id=spa&refresh_token=${token}%00`)
        await sendForm(issuer, '/token', `grant_type=refresh_token&client_id=${token}&refresh_token=${token}`)
        await sendForm(issuer, '/revoke', `client_id=spa&token=${token}`)
      }
    })

    it('sees pushed requests, registrations and device codes', async () => {
      const { issuer } = running
      const authorization = `Basic ${Buffer.from(`web:${RP_SECRET}`).toString('base64')}`
      canaries.set('basic credentials', authorization.slice(6))
      const query = new URLSearchParams({
        client_id: 'web',
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      })
      const pushed = await sendForm(issuer, '/par', query.toString(), { authorization })
      const uri: string = JSON.parse(pushed.text).request_uri
      keep('request_uri', uri)
      for (let uses = 0; uses < 2; uses += 1)
        await sendRaw(issuer, {
          target: `/auth?client_id=web&request_uri=${encodeURIComponent(uri)}`,
          headers: HTML,
        })
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${INITIAL_ACCESS_TOKEN}` }
      const registered = await sendRaw(issuer, {
        method: 'POST',
        target: '/reg',
        headers,
        body: JSON.stringify({ redirect_uris: ['https://app.example/cb'], client_name: 'Canary' }),
      })
      const made = JSON.parse(registered.text)
      keep('registered secret', made.client_secret)
      keep('registration access token', made.registration_access_token)
      const target = new URL(made.registration_client_uri).pathname
      for (const token of [made.registration_access_token, INITIAL_ACCESS_TOKEN])
        await sendRaw(issuer, { target, headers: { authorization: `Bearer ${token}` } })
    })

    it('sees a reset and the first administrator', async () => {
      const agent = agentAtWork()
      const seen = (await running.mails()).filter(({ to }) => to === EMAIL).length
      await agent.submit(await agent.get(`${running.issuer}/forgot-password`), { email: EMAIL })
      const mail = await running.nextMail(EMAIL, seen)
      const link = /https?:\/\/\S+\/reset-password\/(\S+)/.exec(mail.text)
      keep('reset link token', link?.[1])
      const form = await agent.get(String(link?.[0]))
      await agent.submit(form, { password: PASSWORDS.short })
      expect((await agent.submit(form, { password: PASSWORDS.second })).status).to.equal(200)
      await agent.submit(form, { password: PASSWORDS.second })
      const setup = String(await running.app.setupUrl())
      keep('setup token', setup.split('/').pop())
      const page = await agent.get(setup)
      await agent.get(setup.replace('/setup/', '/SETUP/'))
      await agent.submit(page, { email: 'owner@example.org', password: PASSWORDS.short })
      const done = await agent.submit(page, { email: 'owner@example.org', password: PASSWORDS.owner })
      expect(done.status).to.equal(200)
      await fetch(`${running.issuer}/password-hint`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ password: PASSWORDS.owner }),
      })
    })

    it('sees a sign-in, a refresh and another password by the API', async () => {
      const at = (what: string, body: Record<string, unknown>, bearer?: string) =>
        auth(running, what, body, bearer === undefined ? {} : { bearer })
      const half = { email: 'canary.half@example.org', password: PASSWORDS.third }
      expect((await at('register', half)).status).to.equal(201)
      const waiting = await at('login', half)
      keep('auth_session', waiting.json.auth_session)
      await at('login/continue', { auth_session: waiting.json.auth_session, verification_code: 'x' })
      await at('login/continue', { auth_session: waiting.json.auth_session })
      await at('verify-email', { token: canaries.get('verification link token'), password: PASSWORDS.third })
      await at('reset-password', { token: canaries.get('reset link token'), password: PASSWORDS.third })
      const { json: first } = await at('login', { email: EMAIL, password: PASSWORDS.second })
      keep('access token of the API', first.access_token)
      keep('refresh token of the API', first.refresh_token)
      await at('login', { email: PASSWORDS.second, password: PASSWORDS.wrong })
      const { json: next } = await at('refresh', { refresh_token: first.refresh_token })
      keep('next refresh token of the API', next.refresh_token)
      await at('refresh', { refresh_token: `${next.refresh_token}x` })
      const change = { current_password: PASSWORDS.second, new_password: PASSWORDS.third }
      expect((await at('change-password', change, next.access_token)).status).to.equal(204)
      await at('change-password', change, next.access_token)
      await at('refresh', { refresh_token: next.refresh_token })
    })

    it('and wrote none of it down, nor a query string, a body or a header', () => {
      const lines = running.logs.map((line) => JSON.stringify(line))
      expect(lines.length).to.be.above(50)
      const found = [...canaries].flatMap(([what, value]) =>
        [value, encodeURIComponent(value), Buffer.from(value).toString('base64')].flatMap((form) =>
          lines
            .filter((line) => line.toLowerCase().includes(form.toLowerCase()))
            .map((line) => `${what}: ${line}`),
        ),
      )
      expect(found.join('\n')).to.equal('')
      // 6 digits are found in times and ids by chance, so the code is looked for where it could have been put
      const values = running.logs.flatMap((line) => Object.entries(line).filter(([name]) => name !== 'time'))
      expect(
        values.filter(([, value]) => new RegExp(`\\b${mailed}\\b`).test(JSON.stringify(value))),
      ).to.deep.equal([])
      const paths = running.logs.flatMap(({ path }) => (typeof path === 'string' ? [path] : []))
      expect(paths.filter((path) => path.includes('?'))).to.deep.equal([])
    })

    it('every line of a request carries its id, and only its own fields', async () => {
      const before = running.logs.length
      const answer = await sendRaw(running.issuer, { target: '/auth?client_id=nobody', headers: HTML })
      const lines = running.logs.slice(before)
      expect(lines.length).to.be.above(1)
      for (const line of lines) expect(line.requestId).to.equal(answer.headers['x-request-id'])
      const summary = lines.find(({ msg }) => msg === 'request')
      expect(summary).to.have.keys('level time service pid requestId method path status ms ip msg'.split(' '))
    })
  })
}
