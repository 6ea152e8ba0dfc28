/** Pairwise subjects (OpenID Connect Core 1.0, 8.1): what a client is told, what it can find out, and for how long it holds. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { certificate } from '../support/certificates.ts'
import { type LogoutListener, listenForLogouts } from '../support/logout-listener.ts'
import { newAgent, onEveryStack, post, responseOf, sendJson, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, RP_SECRET, webClient } from '../support/relying-party.ts'

const API = 'https://api.example.org'
const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const pairwise = { subject_type: 'pairwise' }

/** A website that says which addresses belong to its sector. */
interface Website {
  origin: string
  hits: number
  status: number
  addresses: unknown
  close(): Promise<void>
}

let listener: LogoutListener
let site: Website

async function options() {
  await Promise.all([listener?.close(), site?.close()])
  ;[listener, site] = await Promise.all([listenForLogouts(), website()])
  const clients = [
    webClient(),
    webClient({
      ...{ client_id: 'one', ...pairwise, backchannel_logout_uri: `${listener.origin}/one` },
      userinfo_signed_response_alg: 'ES256',
      introspection_signed_response_alg: 'ES256',
    }),
    webClient({
      client_id: 'same-host',
      redirect_uris: ['http://localhost:9/callback', `${CALLBACK}/b`],
      ...pairwise,
    }),
    // Declared: taken at its word, so nothing needs to listen there.
    webClient({
      client_id: 'other-sector',
      ...pairwise,
      sector_identifier_uri: 'https://sector.example/uris',
    }),
    webClient({ client_id: 'api', first_party: true }),
  ]
  const settings = {
    INITIAL_ACCESS_TOKEN: TOKEN,
    OUTBOUND_ALLOW: `${listener.origin},${site.origin}`,
    RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'] }]),
  }
  return { settings, overrides: { clients } }
}

onEveryStack('pairwise subjects', options, (app) => {
  after(() => Promise.all([listener.close(), site.close()]))

  /** A relying party that remembers every answer it got, and what the JWTs among them say. */
  async function recording(id: string) {
    const heard: string[] = []
    const rp = await discover(app.issuer, id)
    rp[client.customFetch] = async (url, init) => {
      const response = await fetch(url, init as RequestInit)
      heard.push(opened(await response.clone().text()))
      return response
    }
    return { rp, heard }
  }

  const publicSubject = async () => {
    const [row] = await app.sql.query<{ id: string }>('select id from users')
    return String(row?.id)
  }
  const subjectAt = async (id: string) => (await signIn(await discover(app.issuer, id))).sub

  it('differ by sector, hold in one sector, and are not the public one', async () => {
    const [open, one, again, sameHost, other] = [
      ...[await subjectAt('web'), await subjectAt('one'), await subjectAt('one')],
      ...[await subjectAt('same-host'), await subjectAt('other-sector')],
    ]
    expect(open).to.equal(await publicSubject())
    expect(one).to.match(/^[\w-]{43}$/)
    expect(again).to.equal(one)
    expect(sameHost, 'the same host').to.equal(one)
    expect(new Set([open, one, other]).size).to.equal(3)
  })

  it('are all that the client hears: no answer holds the public subject', async () => {
    const known = await publicSubject()
    const { rp, heard } = await recording('one')
    const { tokens, sub, agent, callback } = await signIn(rp, {
      scope: 'openid email offline_access',
      prompt: 'consent',
    })
    const person = await client.fetchUserInfo(rp, tokens.access_token, sub)
    expect(person.sub).to.equal(sub)
    const asked = await client.tokenIntrospection(rp, tokens.access_token)
    expect([asked.active, asked.sub]).to.deep.equal([true, sub])
    expect((await client.tokenIntrospection(rp, String(tokens.refresh_token))).sub).to.equal(sub)
    const signed = await post(
      `${app.issuer}/introspect`,
      { token: tokens.access_token },
      { basic: ['one', RP_SECRET], headers: { accept: 'application/token-introspection+jwt' } },
    )
    expect((decodeJwt(signed.text).token_introspection as { sub: string }).sub).to.equal(sub)
    heard.push(opened(signed.text), callback)
    const fresh = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(fresh.claims()?.sub).to.equal(sub)
    const forApi = await signIn(
      rp,
      { resource: API, scope: 'openid read' },
      { agent, exchange: { resource: API } },
    )
    expect(decodeJwt(forApi.tokens.access_token).sub).to.equal(sub)

    const toldBefore = listener.received.length
    const leave = await agent.get(
      client.buildEndSessionUrl(rp, { id_token_hint: String(tokens.id_token) }).href,
    )
    if (leave.forms.length > 0) await agent.submit(leave, { logout: 'yes' })
    const told = String((await listener.heard(toldBefore + 1)).at(-1)?.token)
    expect(decodeJwt(told).sub).to.equal(sub)
    heard.push(opened(told))

    expect(heard.length).to.be.at.least(8)
    expect(heard.join('\n')).to.include(sub).and.to.not.include(known)
    expect(opened(String(tokens.id_token)), 'the test would see it').to.include(sub)
  })

  it('are what APIs hear, too, of a token of that client (RFC 7662 2.2, RFC 9068 6)', async () => {
    const { tokens, sub } = await signIn(await discover(app.issuer, 'one'))
    const { json } = await post(
      `${app.issuer}/introspect`,
      { token: tokens.access_token },
      { basic: ['api', RP_SECRET] },
    )
    expect([json.active, json.sub]).to.deep.equal([true, sub])
  })

  it('are not known to the API of the house, which names people by their ids: its clients are public', async () => {
    const agent = newAgent()
    const ask = async (id: string) => {
      const resource = { resource: `${app.issuer}/api`, scope: 'openid account:read', prompt: 'none' }
      const started = await begin(await discover(app.issuer, id), resource)
      agent.stopAt = (url) => url.startsWith(CALLBACK)
      return responseOf((await agent.get(started.url.href)).url).error
    }
    expect(await ask('one')).to.equal('invalid_target')
    expect(await ask('web')).to.equal('login_required')
  })

  it('are recognised in hints and in the claims parameter; the public one is a stranger there', async () => {
    const rp = await discover(app.issuer, 'one')
    const { agent, tokens, sub } = await signIn(rp)
    const silently = async (parameters: Record<string, string>) => {
      const started = await begin(rp, { prompt: 'none', ...parameters })
      return responseOf((await agent.get(started.url.href)).url)
    }
    const asking = (value: string) => ({ claims: JSON.stringify({ id_token: { sub: { value } } }) })
    expect(await silently({ id_token_hint: String(tokens.id_token) })).to.have.property('code')
    expect(await silently(asking(sub))).to.have.property('code')
    // Else a client could try whether the person before it is one it knows from elsewhere.
    expect((await silently(asking(await publicSubject()))).error).to.equal('login_required')
    expect((await silently(asking(await subjectAt('other-sector')))).error).to.equal('login_required')
    const foreign = await signIn(await discover(app.issuer, 'other-sector'))
    expect(await silently({ id_token_hint: String(foreign.tokens.id_token) })).to.not.have.property('code')
  })

  describe('registered by the app itself', () => {
    const register = (metadata: object) =>
      sendJson(
        'POST',
        `${app.issuer}/reg`,
        { redirect_uris: [CALLBACK], ...pairwise, ...metadata },
        { bearer: TOKEN },
      )
    const sector = () => ({ sector_identifier_uri: `${site.origin}/uris.json` })
    beforeEach(() => Object.assign(site, { hits: 0, status: 200, addresses: [CALLBACK] }))

    it('needs a sector_identifier_uri when its addresses are on several hosts', async () => {
      const redirect_uris = ['https://a.example/cb', 'https://b.example/cb']
      const { status, json } = await register({ redirect_uris })
      expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
      expect(json.error_description).to.include('sector_identifier_uri')
    })

    it('needs addresses that are texts', async () => {
      for (const uri of [null, {}, []]) {
        const { status, json } = await register({ redirect_uris: [uri] })
        expect([status, json.error], JSON.stringify(uri)).to.deep.equal([400, 'invalid_redirect_uri'])
      }
    })

    for (const uri of ['http://127.0.0.1/callback', 'org.example.app:/callback'])
      it(`needs one at ${uri} too: all native apps would be of one sector there`, async () => {
        const { status, json } = await register({
          ...{ application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: [uri] },
        })
        expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
        expect(json.error_description).to.include('sector_identifier_uri')
      })

    it('has its sector_identifier_uri fetched then, and at no sign-in: that website may be away', async () => {
      const { status, json } = await register(sector())
      expect([status, json.subject_type], JSON.stringify(json)).to.deep.equal([201, 'pairwise'])
      expect(site.hits).to.equal(1)
      Object.assign(site, { status: 503 })
      app.app.storage.changes.expire('clients')
      const { sub } = await signIn(await discover(app.issuer, json.client_id, json.client_secret))
      expect(sub).to.match(/^[\w-]{43}$/)
      expect(site.hits).to.equal(1)
    })

    it('has it fetched again when it changes, and stays as it was when that is refused', async () => {
      const { json } = await register(sector())
      const change = (redirect_uris: string[]) => {
        const {
          registration_client_uri: _,
          registration_access_token: __,
          client_id_issued_at: ___,
          ...rest
        } = json
        const { client_secret_expires_at: ____, ...metadata } = rest
        return sendJson(
          'PUT',
          json.registration_client_uri,
          { ...metadata, redirect_uris },
          { bearer: token },
        )
      }
      let token = json.registration_access_token
      const grown = [CALLBACK, 'http://localhost:9/two']
      const refused = await change(grown)
      expect([refused.status, refused.json.error], refused.text).to.deep.equal([
        400,
        'invalid_client_metadata',
      ])
      Object.assign(site, { addresses: grown })
      token = refused.json.registration_access_token ?? token
      const taken = await change(grown)
      expect([taken.status, taken.json.redirect_uris], taken.text).to.deep.equal([200, grown])
    })

    for (const [what, change] of [
      ['lacks a redirect URI', { addresses: ['https://elsewhere.example/cb'] }],
      ['is no array', { addresses: { uris: [CALLBACK] } }],
      ['answers 404', { status: 404 }],
    ] as const)
      it(`is refused when the document ${what}`, async () => {
        Object.assign(site, change)
        const { status, json } = await register(sector())
        expect([status, json.error], JSON.stringify(json)).to.deep.equal([400, 'invalid_client_metadata'])
        expect(json.error_description).to.include('sector_identifier_uri')
        expect(site.hits).to.equal(1)
      })
  })
})

/** https, as a sector_identifier_uri must be; this process trusts it while it is there. */
async function website(): Promise<Website> {
  const { pem: cert, keyPem: key } = certificate({ dns: ['localhost'] })
  const trusted = tls.getCACertificates('default')
  tls.setDefaultCACertificates([...trusted, cert])
  const server = createServer({ cert, key }, (_req, res) => {
    self.hits += 1
    res.writeHead(self.status, { 'content-type': 'application/json' }).end(JSON.stringify(self.addresses))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: Website = {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    hits: 0,
    status: 200,
    addresses: [],
    close: () =>
      new Promise((resolve) => {
        tls.setDefaultCACertificates(trusted)
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return self
}

/** The text, and what every JWT in it says. */
function opened(text: string): string {
  const inside = text.match(/[\w-]+\.[\w-]+\.[\w-]+/g) ?? []
  return [text, ...inside.map((jwt) => Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())].join(
    '\n',
  )
}
