/** A sign-in that begins here and not at the application (OpenID Connect Core 1.0, section 4), from both its ends. */
import { createServer, type Server } from 'node:http'
import { expect } from 'chai'
import { Access } from '../../src/domain/access/service.ts'
import { openableApps } from '../../src/http/open-app.ts'
import { initiationFrom } from '../../src/samples/initiated-login.ts'
import { createSamples, sampleApiAudience, sampleClients } from '../../src/samples/server.ts'
import { freePort } from '../support/child-service.ts'
import { createPerson } from '../support/people.ts'
import { get, JANE, onEveryStack, sendJson } from '../support/protocol.ts'
import { begin, CALLBACK, discover, PASSWORD, walk, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const ENTRANCE = 'https://app.example.org/start?from=op'
const redirect_uris = [CALLBACK, 'https://files.example.org/cb']
const clients = [
  webClient({ redirect_uris, initiate_login_uri: ENTRANCE, client_name: 'Photos' }),
  webClient({ client_id: 'closed' }),
  webClient({ client_id: 'gone', initiate_login_uri: ENTRANCE }),
]
const options = { settings: { INITIAL_ACCESS_TOKEN: TOKEN }, overrides: { clients } }

onEveryStack('third-party-initiated login (OpenID Connect Core 1.0, 4)', options, (app) => {
  before(() => new Access(app.app.storage.database).disableClient('gone', { by: 'test' }))

  const open = (query: Record<string, string> | [string, string][]) =>
    get(`${app.issuer}/open-app?${new URLSearchParams(query)}`, { headers: { accept: 'text/html' } })
  const sentTo = async (query: Record<string, string>) => {
    const { status, headers } = await open({ client_id: 'web', ...query })
    expect(status).to.equal(303)
    return new URL(String(headers.get('location')))
  }

  it('sends the browser to the entrance with iss, and with nothing that was not asked for', async () => {
    const to = await sentTo({})
    expect(to.origin + to.pathname).to.equal('https://app.example.org/start')
    expect(Object.fromEntries(to.searchParams)).to.deep.equal({ from: 'op', iss: app.issuer })
  })

  it('names a place in the app, and somebody, where that was chosen; the app then signs them in', async () => {
    const target = 'https://app.example.org/albums?id=1#top'
    const to = await sentTo({ target_link_uri: target, login_hint: JANE.email })
    const { iss, target_link_uri, login_hint } = Object.fromEntries(to.searchParams)
    expect([iss, target_link_uri, login_hint]).to.deep.equal([app.issuer, target, JANE.email])
    const rp = await discover(String(iss))
    const { url } = await begin(rp, { login_hint: String(login_hint) })
    const agent = new UserAgent()
    expect((await agent.get(url.href)).text).to.include(`value="${JANE.email}"`)
    expect((await walk(agent, url, JANE)).url).to.include('code=')
    const other = await sentTo({ target_link_uri: 'https://files.example.org/x' })
    expect(other.searchParams.get('target_link_uri'), 'where people come back to').to.be.a('string')
  })

  describe('is refused, and goes nowhere', () => {
    const TARGETS = [
      'https://evil.example/',
      'https://app.example.org.evil.example/',
      'https://app.example.org@evil.example/',
      'https://user@app.example.org/',
      'https://app.example.org:8443/',
      'http://app.example.org/',
      'javascript:alert(1)//https://app.example.org/',
      'data:text/html,https://app.example.org/',
      '//evil.example/',
      '/albums',
      '',
    ]
    for (const target_link_uri of TARGETS)
      it(`with the target "${target_link_uri}"`, async () => {
        const { status, headers } = await open({ client_id: 'web', target_link_uri })
        expect([status, headers.get('location')]).to.deep.equal([400, null])
      })

    it('with a hint that is none, and with anything twice', async () => {
      const wrong: [string, string][][] = [
        [['login_hint', 'a'.repeat(255)]],
        [['login_hint', 'a\r\nSet-Cookie: x=y']],
        ...['client_id', 'target_link_uri', 'login_hint'].map((name): [string, string][] => [
          [name, 'https://app.example.org/'],
          [name, 'https://app.example.org/'],
        ]),
      ]
      for (const more of wrong) {
        const { status, headers } = await open([['client_id', 'web'], ...more])
        expect([status, headers.get('location')], JSON.stringify(more)).to.deep.equal([400, null])
      }
    })

    it('for an app that is unknown, disabled, or has no entrance', async () => {
      for (const client_id of ['nobody', 'gone', 'closed', '', 'a\0b']) {
        const { status, headers } = await open({ client_id })
        expect([status, headers.get('location')], client_id).to.deep.equal([400, null])
      }
      expect((await open({})).status).to.equal(400)
    })
  })

  describe('registration', () => {
    const register = (initiate_login_uri: unknown) =>
      sendJson(
        'POST',
        `${app.issuer}/reg`,
        { redirect_uris: ['https://own.example.org/cb'], initiate_login_uri },
        { bearer: TOKEN },
      )

    it('takes an https address; what registered itself is opened, but not shown to everybody', async () => {
      const { status, json } = await register('https://own.example.org/start')
      expect(status).to.equal(201)
      const to = await sentTo({ client_id: json.client_id })
      expect(to.href).to.equal(`https://own.example.org/start?iss=${encodeURIComponent(app.issuer)}`)
      expect(await openableApps(app.app.storage.database.clients)).to.deep.equal([
        { name: 'Photos', host: 'app.example.org', url: '/open-app?client_id=web' },
      ])
    })

    for (const uri of [
      'http://own.example.org/start',
      'https://user@own.example.org/start',
      'https://own.example.org/start#top',
      'javascript:alert(1)',
      'own.example.org/start',
      7,
    ])
      it(`refuses ${uri}`, async () => {
        const { status, json } = await register(uri)
        expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
      })
  })
})

describe('the sample web app, when the sign-in begins at the provider', function () {
  this.timeout(60_000)
  const secret = 'a-secret-of-the-sample-web-app-0123456789'
  let running: RunningApp
  let server: Server
  let origin: string

  before(async () => {
    const port = await freePort()
    origin = `http://localhost:${port}`
    running = await startApp({
      settings: { SAMPLES_PORT: String(port) },
      overrides: { clients: sampleClients(origin, secret) as never },
    })
    await createPerson(running, JANE)
    const samples = createSamples({
      issuer: running.issuer,
      origin,
      webClient: { id: 'sample-web', secret },
      spaClient: { id: 'sample-spa' },
      tvClient: { id: 'sample-tv' },
      apiAudience: sampleApiAudience(origin),
      homeUrl: running.issuer,
      mailboxUrl: `${running.issuer}/mailbox`,
      log: () => {},
    })
    server = createServer(samples.callback())
    await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  })
  after(async () => {
    server?.closeAllConnections()
    server?.close()
    await running?.close()
  })

  const start = (query: Record<string, string>) => `${origin}/web/sign-in?${new URLSearchParams(query)}`

  it('signs in who was named, and ends up where it was asked to', async () => {
    const agent = new UserAgent()
    const target = `${origin}/web?from=link`
    const url = start({ iss: running.issuer, target_link_uri: target, login_hint: JANE.email })
    let page = await agent.get(url)
    expect(page.text).to.include(`value="${JANE.email}"`)
    page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    page = await agent.submit(page, {}, '/consent')
    expect([page.status, page.url]).to.deep.equal([200, target])
    expect(page.text).to.include(JANE.email)
    expect((await agent.get(url)).url, 'signed in already').to.equal(target)
  })

  it('follows nobody else, and nowhere else', async () => {
    const { issuer } = running
    for (const query of [
      { iss: 'https://evil.example' },
      { iss: `${issuer}/` },
      { iss: issuer, target_link_uri: 'https://evil.example/' },
      { iss: issuer, target_link_uri: `${origin}.evil.example/web` },
      { iss: issuer, target_link_uri: '//evil.example/web' },
      { iss: issuer, target_link_uri: `${origin}/website` },
    ]) {
      const page = await new UserAgent().get(start(query))
      expect(page.url, JSON.stringify(query)).to.equal(`${origin}/web`)
    }
    const own = { issuer, origin, home: '/web' }
    expect(initiationFrom({ iss: [issuer, 'x'] }, own)).to.equal(undefined)
    expect(initiationFrom({ iss: issuer, target_link_uri: ['a', 'b'] }, own)).to.equal(undefined)
    expect(initiationFrom({ iss: issuer }, own)).to.deep.equal({ returnTo: '/web', loginHint: undefined })
  })
})
