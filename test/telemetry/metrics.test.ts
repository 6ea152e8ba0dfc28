/** What Prometheus sees: numbers of what really happened, behind a token, and nobody in them. */
import { expect } from 'chai'
import { CONSOLE, newCaller } from '../support/api.ts'
import { get, onEveryStack, post, signIn } from '../support/protocol.ts'
import { begin, discover, walk, webClient } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const TOKEN = 'a-token-for-the-metrics-of-the-test-0123456789'
const options = { settings: { METRICS_TOKEN: TOKEN }, overrides: { clients: [webClient(CONSOLE)] } }

onEveryStack('metrics', options, (app) => {
  async function read(): Promise<Map<string, number>> {
    const { status, text, headers } = await get(`${app.issuer}/metrics`, { bearer: TOKEN })
    expect(status).to.equal(200)
    expect(headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => {
        const [, name = '', value] = /^(.+) (\S+)$/.exec(line) ?? []
        return [name.replace(/worker="\d+",?/, '').replace(',}', '}'), Number(value)]
      }),
    )
  }

  it('are for who has the token', async () => {
    expect((await get(`${app.issuer}/metrics`)).status).to.equal(401)
    const wrong = await get(`${app.issuer}/metrics`, { bearer: `${TOKEN}x` })
    expect([wrong.status, wrong.headers.get('www-authenticate')]).to.deep.equal([
      401,
      'Bearer realm="metrics"',
    ])
    expect(wrong.text).to.not.include('ostiary_')
  })

  it('count sign-ins, tokens and requests as they were', async () => {
    const before = await read()
    const rp = await discover(app.issuer)
    await signIn(rp, { scope: 'openid offline_access', prompt: 'consent' })
    const started = await begin(rp)
    await walk(new UserAgent(), started.url, { email: 'jane@example.org', password: 'not the password' })
    const person = await newCaller(app, 'measured', ['auditor'])
    await person.get(`/api/v1/admin/users/${person.userId}`)
    await get(`${app.issuer}/no-such-page-${person.userId}`)
    await get(`${app.issuer}/approve/apr_x.y`)
    await post(`${app.issuer}/authorize-challenge`, { client_id: 'web' })
    const after = await read()
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(grown('ostiary_sign_ins_total{result="proven"}')).to.equal(2)
    expect(grown('ostiary_sign_ins_total{result="invalid_credentials"}')).to.equal(1)
    expect(grown('ostiary_tokens_total{kind="authorization_code"}')).to.equal(2)
    expect(grown('ostiary_tokens_total{kind="access_token"}')).to.equal(2)
    expect(grown('ostiary_tokens_total{kind="refresh_token"}')).to.equal(2)
    const requests = (route: string, method: string, status: string) =>
      grown(`ostiary_request_seconds_count{route="${route}",method="${method}",status="${status}"}`)
    expect(requests('/token', 'POST', '2xx')).to.equal(2)
    expect(requests('/api/v1/admin/users/:id', 'GET', '2xx')).to.equal(1)
    expect(requests('other', 'GET', '4xx')).to.equal(1)
    expect(requests('/approve/…', 'GET', '4xx')).to.equal(1)
    expect(requests('/authorize-challenge', 'POST', '4xx')).to.equal(1)
    expect(requests('/interaction/…', 'GET', '2xx')).to.be.above(0)
    const engine = (operation: string, outcome: string) =>
      grown(`ostiary_engine_seconds_count{operation="${operation}",outcome="${outcome}"}`)
    expect(engine('token', 'ok')).to.equal(2)
    expect(engine('authorization', 'ok')).to.be.above(0)
    const refused = await post(
      `${app.issuer}/token`,
      { grant_type: 'refresh_token' },
      { basic: ['web', 'x'] },
    )
    expect(refused.status).to.equal(401)
    const worked = await read()
    expect(
      worked.get('ostiary_engine_seconds_count{operation="token",outcome="invalid_client"}'),
    ).to.be.above(0)
    const work = (labels: string) => worked.get(`ostiary_work_seconds_count{${labels}}`)
    expect(work('kind="hashing",operation="verify",outcome="ok"')).to.be.above(2)
    expect(work('kind="unit",operation="commit",outcome="ok"')).to.be.above(3)
    expect(work('kind="database",operation="commit",outcome="ok"')).to.be.above(3)
    expect(work('kind="database",operation="read",outcome="ok"')).to.be.above(3)
    if (app.stack !== 'pglite') expect(work('kind="redis",operation="put",outcome="ok"')).to.be.above(0)
  })

  it('say how things stand, and name nobody', async () => {
    const standing = await read()
    expect(standing.get('ostiary_up{dependency="database"}')).to.equal(1)
    expect(standing.get('ostiary_hashing{state="busy"}')).to.equal(0)
    expect(standing.get('ostiary_outbox_lag_seconds{kind="mail"}')).to.be.below(60)
    expect([...standing.keys()].some((name) => name.startsWith('ostiary_build_info{'))).to.equal(true)
    expect(standing.get('ostiary_system_memory_bytes{state="total"}')).to.be.above(1e8)
    expect(standing.get('ostiary_outbox{kind="mail",state="dead"}')).to.equal(0)
    if (app.stack === 'pglite')
      expect(standing.has('ostiary_database_connections{state="open"}')).to.equal(false)
    else {
      expect(standing.get('ostiary_database_connections{state="open"}')).to.be.above(0)
      expect(standing.get('ostiary_breaker{dependency="redis",state="closed"}')).to.equal(1)
      expect(standing.get('ostiary_breaker{dependency="redis",state="open"}')).to.equal(0)
    }
    expect([...standing.keys()].some((name) => name.startsWith('nodejs_eventloop_lag'))).to.equal(true)
    expect([...standing.keys()].join('\n')).to.not.match(/usr_|@|jane|measured|"web"/)
  })
})

onEveryStack('metrics without a token', {}, (app) => {
  it('are nowhere', async () => {
    expect((await get(`${app.issuer}/metrics`)).status).to.equal(404)
    expect((await get(`${app.issuer}/metrics`, { bearer: '' })).status).to.equal(404)
  })
})
