import { expect } from 'chai'
import { freePort } from '../support/child-service.ts'
import { JANE, newAgent, onEveryStack, responseOf, signIn } from '../support/protocol.ts'
import { rawRequest } from '../support/raw-request.ts'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

interface Cookie {
  name: string
  value: string
  attributes: Record<string, string | true>
}

function parse(line: string): Cookie {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
  const at = pair.indexOf('=')
  const attributes = rest.map((part) => {
    const [name = '', value] = part.split('=')
    return [name.toLowerCase(), value ?? true] as const
  })
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: Object.fromEntries(attributes) }
}

onEveryStack('cookies of the engine', { overrides: { clients: [webClient()] } }, (app) => {
  const rp = () => discover(app.issuer)

  /** Every Set-Cookie line of a sign-in, found by watching `fetch`. */
  async function cookiesOfSignIn(fields: Record<string, string> = {}) {
    const lines: string[] = []
    const real = globalThis.fetch
    globalThis.fetch = async (...args) => {
      const response = await real(...args)
      lines.push(...response.headers.getSetCookie())
      return response
    }
    try {
      const agent = newAgent()
      const page = await agent.get((await begin(await rp())).url.href)
      const form = { identifier: JANE.email, password: PASSWORD, ...fields }
      const consent = await agent.submit(page, form, '/sign-in')
      if (consent.forms.length > 0) await agent.submit(consent, {}, '/consent')
      return { agent, cookies: lines.map(parse) }
    } finally {
      globalThis.fetch = real
    }
  }

  it('are all HttpOnly, SameSite=Lax, and for this host only', async () => {
    const { cookies } = await cookiesOfSignIn()
    const names = new Set(cookies.map(({ name }) => name.replace(/\.sig$/, '')))
    expect([...names].sort()).to.include.members(['ostiary_interaction', 'ostiary_resume', 'ostiary_session'])
    for (const { name, attributes } of cookies) {
      expect(attributes.httponly, name).to.equal(true)
      expect(String(attributes.samesite).toLowerCase(), name).to.equal('lax')
      expect(attributes, name).to.not.have.property('domain')
      expect(attributes, 'http in evaluation').to.not.have.property('secure')
    }
  })

  it('of one sign-in reach only its own pages', async () => {
    const { cookies } = await cookiesOfSignIn()
    const paths = (wanted: string) =>
      cookies
        .filter(({ name, value }) => name === wanted && value !== '')
        .map(({ attributes }) => attributes.path)
    for (const path of paths('ostiary_interaction')) expect(path).to.match(/^\/interaction\/[\w-]{43}$/)
    for (const path of paths('ostiary_resume')) expect(path).to.match(/^\/auth\/[\w-]{43}$/)
    expect(new Set(paths('ostiary_session'))).to.deep.equal(new Set(['/']))
  })

  it('of the session end with the browser, unless the person wants to stay signed in', async () => {
    const last = (cookies: Cookie[]) => cookies.findLast(({ name }) => name === 'ostiary_session')
    const brief = last((await cookiesOfSignIn()).cookies)
    expect(brief?.attributes).to.not.have.any.keys('expires', 'max-age')
    const lasting = last((await cookiesOfSignIn({ remember: 'yes' })).cookies)
    const days = (Date.parse(String(lasting?.attributes.expires)) - Date.now()) / 86_400_000
    expect(days).to.be.within(6.9, 7.1)
  })

  it('of the session hold 256 random bits (ASVS 7.2.3)', async () => {
    const { cookies } = await cookiesOfSignIn()
    const values = cookies
      .filter(({ name, value }) => name === 'ostiary_session' && value !== '')
      .map(({ value }) => value)
    expect(values.length).to.be.at.least(1)
    for (const value of values) expect(value).to.match(/^[\w-]{43}$/)
  })

  it('do not let an attacker plant a session: the id known before the sign-in opens nothing after it (ASVS 7.2.4)', async () => {
    const agent = newAgent()
    await agent.get(`${app.issuer}/device`)
    const url = (await begin(await rp())).url.href
    const planted = agent.cookieHeader(url)
    expect(planted).to.include('ostiary_session=')
    await signIn(await rp(), {}, { agent })
    const silent = (await begin(await rp(), { prompt: 'none' })).url.href
    expect(responseOf((await agent.get(silent)).url).code).to.be.a('string')
    const attacker = await newAgent().get(silent, { cookie: planted })
    expect(responseOf(attacker.url).error).to.equal('login_required')
  })

  it('are signed: one with a changed value is none', async () => {
    const { agent } = await signIn(await rp())
    const silent = (await begin(await rp(), { prompt: 'none' })).url.href
    const cookie = agent.cookieHeader(silent)
    const broken = cookie.replace(
      /(ostiary_session\.sig=)./,
      (_, name) => `${name}${cookie.includes(`${name}A`) ? 'B' : 'A'}`,
    )
    expect(responseOf((await newAgent().get(silent, { cookie })).url).code).to.be.a('string')
    expect(responseOf((await newAgent().get(silent, { cookie: broken })).url).error).to.equal(
      'login_required',
    )
    const unsigned = cookie.replace(/ostiary_session\.sig=[^;]*/, 'x=y')
    expect(responseOf((await newAgent().get(silent, { cookie: unsigned })).url).error).to.equal(
      'login_required',
    )
  })

  it('of nobody are set by prompt=none (ASVS 7.6.2)', async () => {
    const silent = (await begin(await rp(), { prompt: 'none' })).url.href
    const response = await fetch(silent, { redirect: 'manual' })
    expect(response.headers.getSetCookie()).to.deep.equal([])
  })
})

describe('cookies of the engine behind https (postgres+redis)', () => {
  let running: RunningApp
  before(async () => {
    const settings = {
      ISSUER: 'https://login.example.org',
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      SMTP_URL: 'smtp://localhost:1',
      MAIL_FROM: 'no-reply@example.org',
    }
    running = await startApp({ stack: 'postgres+redis', settings, overrides: { clients: [webClient()] } })
  })
  after(() => running?.close())

  it('are Secure, and the session’s is bound to the host by its name', async () => {
    const headers = { host: 'login.example.org', accept: 'text/html' }
    const { port } = running.config.listen
    const device = await rawRequest(port, 'GET', '/device', headers)
    const lines = [device.headers['set-cookie'] ?? []].flat().map(parse)
    expect(lines.map(({ name }) => name)).to.include('__Host-ostiary_session')
    for (const { name, attributes } of lines) {
      expect(attributes.secure, name).to.equal(true)
      expect(attributes.httponly, name).to.equal(true)
      expect(attributes.path, name).to.equal('/')
      expect(attributes).to.not.have.property('domain')
    }
    expect(device.headers['strict-transport-security']).to.match(/^max-age=\d{8}/)
  })

  it('stay Secure although an attacker says the request came by http', async () => {
    const headers = { host: 'login.example.org', accept: 'text/html', 'x-forwarded-proto': 'http' }
    const { port } = running.config.listen
    const query = new URLSearchParams({
      ...{ client_id: 'web', redirect_uri: 'http://localhost:9/callback', response_type: 'code' },
      ...{ scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
    })
    const { status, headers: answered } = await rawRequest(port, 'GET', `/auth?${query}`, headers)
    expect(status).to.equal(303)
    const lines = [answered['set-cookie'] ?? []].flat().map(parse)
    expect(lines.length).to.be.at.least(2)
    for (const { name, attributes } of lines) expect(attributes.secure, name).to.equal(true)
  })

  it('and every address in discovery is https', async () => {
    const { port } = running.config.listen
    const { text } = await rawRequest(port, 'GET', '/.well-known/openid-configuration', {
      host: 'login.example.org',
    })
    const addresses = text.match(/https?:\/\/[^"]+/g) ?? []
    expect(addresses.length).to.be.at.least(10)
    expect(addresses.filter((url) => !url.startsWith('https://login.example.org'))).to.deep.equal([])
  })
})
