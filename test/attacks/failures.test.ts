/** What is kept and shown of failed requests must not help a stranger: nothing to read, nothing to fill, nothing to run. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { FAILURE_LIMITS } from '../../src/domain/failures/limit.ts'
import { get, newAgent, onEveryStack, post } from '../support/protocol.ts'
import { rawRequest } from '../support/raw-request.ts'
import { begin, CALLBACK, discover, RP_SECRET, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'

const HTML = { headers: { accept: 'text/html' } }
const ISSUER = 'https://id.example.org'
const WITHOUT_LIMIT = { perNetwork: 1_000, perClient: 1_000, inAll: 1_000 }
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const clients = [
  webClient({ client_id: 'web-shop' }),
  webClient({ client_id: 'device', grant_types: [DEVICE_CODE], redirect_uris: [], response_types: [] }),
]

onEveryStack('records of failures', { overrides: { clients, failureLimits: WITHOUT_LIMIT } }, (app) => {
  const rows = () => app.sql.query<{ code: string; record: unknown }>('select code, record from failures')
  async function written(requestId: string | null) {
    for (let tries = 0; tries < 100; tries += 1) {
      const failure = await app.app.storage.database.failures.findByRequestId(String(requestId))
      if (failure) return failure
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`no failure under ${requestId}`)
  }

  it('hold no secret, wherever in the request it stood', async () => {
    const secret = `canary-${randomBytes(24).toString('base64url')}`
    const doors = `code code_verifier refresh_token client_assertion token id_token_hint state nonce request
      login_hint device_code password username unknown_name`.split(/\s+/)
    const form = Object.fromEntries(doors.map((name) => [name, secret]))
    const more = {
      grant_type: 'authorization_code',
      redirect_uri: `https://u:${secret}@a.example/?token=${secret}`,
      scope: `openid ${secret}`,
      client_id: secret,
    }
    const { app: ostiary, issuer } = app
    const answers = [
      await post(`${issuer}/token`, { ...form, ...more }),
      await post(`${issuer}/token`, { ...form, ...more }, { basic: ['web-shop', secret] }),
      await post(`${issuer}/token`, { ...more, client_id: 'web-shop', client_secret: secret }),
      await post(`${issuer}/token`, { ...more, client_id: 'web-shop' }, { basic: [secret, secret] }),
      await post(`${issuer}/introspect`, { token: secret }, { bearer: secret }),
      await post(`${issuer}/par`, { ...form, ...more }, { basic: ['web-shop', RP_SECRET] }),
      await post(`${issuer}/userinfo`, { access_token: secret }),
      await get(`${issuer}/userinfo`, { bearer: secret, headers: { dpop: secret, cookie: `a=${secret}` } }),
      await get(`${issuer}/auth?${new URLSearchParams({ ...form, ...more, client_id: 'web-shop' })}`, HTML),
      await get(`${issuer}/session/end?id_token_hint=${secret}&state=${secret}`, HTML),
    ]
    for (const { headers, status } of answers) {
      expect(status).to.be.within(400, 499)
      await written(headers.get('x-request-id'))
    }
    expect(JSON.stringify(await rows())).not.to.include(secret)
    expect(JSON.stringify(app.logs.filter(({ msg }) => msg === 'explained'))).not.to.include(secret)
    expect(await ostiary.storage.database.failures.findByCode('AAAAAAAA')).to.equal(undefined)
  })

  it('have a greatest size', async () => {
    const long = 'x'.repeat(5_000)
    const form = { grant_type: long, scope: long, redirect_uri: long, resource: [long, long], prompt: long }
    const { headers } = await post(`${app.issuer}/token`, form, { basic: [long, long] })
    const failure = await written(headers.get('x-request-id'))
    expect(JSON.stringify(failure).length).to.be.below(6_000)
  })

  it('add nothing to answers in JSON and to redirects', async () => {
    const json = await post(`${app.issuer}/token`, { grant_type: 'x' }, { basic: ['web-shop', RP_SECRET] })
    expect(Object.keys(json.json)).to.have.members(['error', 'error_description'])
    const { code } = await written(json.headers.get('x-request-id'))
    const line = app.logs.find(({ failure, msg }) => failure === code && msg === 'protocol request refused')
    expect(line?.requestId, 'the log leads from one to the other').to.equal(json.headers.get('x-request-id'))
    const { url } = await begin(await discover(app.issuer, 'web-shop'), { prompt: 'none' })
    const page = await newAgent().get(url.href)
    expect([...new URL(page.url).searchParams.keys()]).to.have.members([
      ...['error', 'error_description', 'state', 'iss'],
    ])
  })

  it('are not written for a device that waits', async () => {
    const as = { basic: ['device', RP_SECRET] } as const
    const { json } = await post(`${app.issuer}/device/auth`, { client_id: 'device', scope: 'openid' }, as)
    const poll = await post(
      `${app.issuer}/token`,
      { grant_type: DEVICE_CODE, device_code: json.device_code },
      as,
    )
    expect(poll.json.error).to.equal('authorization_pending')
    // What fails afterwards is written afterwards.
    const later = await post(`${app.issuer}/token`, { grant_type: DEVICE_CODE, device_code: 'x' }, as)
    await written(later.headers.get('x-request-id'))
    const { failures } = app.app.storage.database
    expect(await failures.findByRequestId(String(poll.headers.get('x-request-id')))).to.equal(undefined)
  })
})

describe('a flood of bad requests', () => {
  it('writes a few rows, says how many it did not, and is answered as ever', async () => {
    const running = await startApp({ overrides: { clients } })
    const sql = await sqlOf(running)
    try {
      for (let n = 0; n < FAILURE_LIMITS.perNetwork + 30; n += 1) {
        const { status, headers } = await post(`${running.issuer}/token`, { client_id: `made-up-${n}` })
        expect([status, headers.has('x-request-id')]).to.deep.equal([401, true])
      }
      const beyond = await get(`${running.issuer}/auth?client_id=nobody`, HTML)
      expect(beyond.status).to.equal(400)
      expect(beyond.text, 'a code that leads nowhere').not.to.match(/<dt>Failure</)
      await new Promise((resolve) => setTimeout(resolve, 200))
      const [count] = await sql.query<{ n: number }>('select count(*)::int as n from failures')
      // The minute may have turned on the way.
      expect(count?.n).to.be.within(FAILURE_LIMITS.perNetwork, 2 * FAILURE_LIMITS.perNetwork)
      const told = running.logs.filter(({ msg }) => String(msg).includes('were not kept'))
      expect(told.length).to.be.within(1, 2)
      expect(told[0]?.tooMany).to.be.a('number').above(0)
    } finally {
      await sql.close()
      await running.close()
    }
  })

  it('cannot fail an answer when its records cannot be written', async () => {
    const running = await startApp({ overrides: { clients } })
    const sql = await sqlOf(running)
    try {
      await sql.query('alter table failures rename to failures_gone')
      const page = await get(`${running.issuer}/auth?client_id=nobody`, HTML)
      expect([page.status, page.text.includes('No client has this client_id.')]).to.deep.equal([400, true])
      expect((await post(`${running.issuer}/token`, {})).status).to.equal(400)
      await sql.query('alter table failures_gone rename to failures')
    } finally {
      await sql.close()
      await running.close()
    }
  })
})

describe('the error page in production', () => {
  let running: RunningApp
  before(async () => {
    running = await startApp({
      stack: 'postgres+redis',
      settings: {
        ISSUER,
        HOST: '127.0.0.1',
        SMTP_URL: 'smtp://127.0.0.1:9',
        MAIL_FROM: 'Ostiary <no-reply@example.org>',
        TRUSTED_PROXIES: '127.0.0.1',
        DRAIN_DELAY_SECONDS: '0',
      },
      overrides: { clients },
    })
  })
  after(() => running?.close())

  async function page(changes: Record<string, string>) {
    const { port } = running.config.listen
    const query = new URLSearchParams({
      ...{ client_id: 'web-shop', response_type: 'code', scope: 'openid', redirect_uri: CALLBACK },
      ...changes,
    })
    const headers = { host: new URL(ISSUER).host, accept: 'text/html', 'x-forwarded-proto': 'https' }
    const { status, text: body, headers: answered } = await rawRequest(port, 'GET', `/auth?${query}`, headers)
    expect(status).to.equal(400)
    const id = String(answered['x-request-id'])
    const code = /<dt>Failure<\/dt><dd>([2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4})<\/dd>/.exec(body)?.[1]
    expect(code, body.slice(-2000)).to.be.a('string')
    expect(body).to.include(id)
    return {
      body,
      plain: body
        .replaceAll(id, 'ID')
        .replaceAll(String(code), 'CODE')
        .replace(/\d{4}-[\d-]+T[\d:.]+Z/g, 'AT'),
    }
  }

  it('shows a code and the request id, and is the same for near and far', async () => {
    const near = await page({ redirect_uri: `${CALLBACK}/` })
    const far = await page({ redirect_uri: 'https://nowhere.example/x' })
    expect(near.plain).to.equal(far.plain)
    expect(near.body).not.to.include(CALLBACK)
    const likely = await page({ client_id: 'web-shap' })
    const unlikely = await page({ client_id: 'zzzzzzzzzz' })
    expect(likely.plain).to.equal(unlikely.plain)
    expect(likely.body).not.to.include('web-shop')
    for (const { body } of [near, likely]) expect(body).not.to.match(/class="explanation"|RFC \d/)
  })

  it('serves no failure by its code', async () => {
    const { body } = await page({ redirect_uri: 'https://nowhere.example/x' })
    const code = /<dt>Failure<\/dt><dd>(.*?)<\/dd>/.exec(body)?.[1]
    const headers = { host: new URL(ISSUER).host, accept: 'text/html' }
    for (const path of [`/explain/${code}`, `/failures/${code}`, `/?code=${code}`])
      expect((await rawRequest(running.config.listen.port, 'GET', path, headers)).text).not.to.include(
        'nowhere.example',
      )
  })
})

describe('the error page in evaluation mode', () => {
  it('explains, escapes what was sent, and runs nothing of it', async () => {
    const running = await startApp({ overrides: { clients } })
    try {
      const evil = '"><script>alert(1)</script>'
      const query = new URLSearchParams({
        ...{ client_id: 'web-shop', response_type: 'code', scope: evil },
        redirect_uri: `${CALLBACK}/${evil}`,
      })
      const { text, headers } = await get(`${running.issuer}/auth?${query}`, HTML)
      expect(text).to.include('class="explanation"').and.to.include(`Send ${CALLBACK}`)
      expect(text)
        .to.include('&lt;script&gt;')
        .and.not.to.match(/<script>|alert\(1\)<\/script>/)
      expect(headers.get('content-security-policy')).to.include("script-src 'self'")
    } finally {
      await running.close()
    }
  })
})
