/** APIs and exchanged tokens when things go wrong: the database dies, two nodes disagree, an end races an exchange. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Access } from '../../src/domain/access/service.ts'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, get, post, type SendOptions, signIn } from '../support/protocol.ts'
import { discover, RP_SECRET, webClient } from '../support/relying-party.ts'
import { sampleResourceServer } from '../support/samples.ts'
import { type RunningService, startPostgres } from '../support/services.ts'
import { eventually } from './steps.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ORDERS = 'https://orders.example'
const STOCK = 'https://stock.example'
const JANE = { email: 'jane@example.org' }
const actor = { by: 'test' }
const clients = [
  webClient(),
  webClient({
    client_id: 'machine',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }),
  webClient({
    ...{ client_id: ORDERS, response_types: [], redirect_uris: [], grant_types: [EXCHANGE] },
    token_exchange: { audiences: [STOCK] },
  }),
  webClient({ client_id: STOCK, response_types: [], redirect_uris: [], grant_types: [] }),
]

describe('APIs and exchanged tokens', function () {
  this.timeout(180_000)
  let postgres: RunningService
  let nodes: Nodes

  before(async () => {
    postgres = await startPostgres()
    const settings = {
      DATABASE_URL: postgres.url,
      RESOURCE_SERVERS: JSON.stringify([
        { audience: ORDERS, scopes: ['read'], exchangeable: true, publishMetadata: true },
        { audience: STOCK, scopes: ['read'], tokenFormat: 'opaque' },
      ]),
    }
    nodes = await startNodes(2, settings, { clients })
    const [app] = nodes.apps
    await createPerson({ app: app!, config: app!.config, secrets: nodes.secrets }, JANE)
  })
  after(async () => {
    await postgres?.service.start()
    await nodes?.close()
    await postgres?.stop()
  })

  const on = (node: number, id: string): SendOptions => ({
    basic: [id, RP_SECRET],
    headers: { [NODE_HEADER]: String(node) },
  })
  const own = (node: number, resource: string): Promise<Answer> => {
    const form = { grant_type: 'client_credentials', resource, scope: 'read' }
    return post(`${nodes.issuer}/token`, form, on(node, 'machine'))
  }
  const exchange = (node: number, subject_token: string): Promise<Answer> => {
    const subject_token_type = 'urn:ietf:params:oauth:token-type:access_token'
    const form = { grant_type: EXCHANGE, subject_token, subject_token_type, resource: STOCK }
    return post(`${nodes.issuer}/token`, form, on(node, ORDERS))
  }
  const introspect = (node: number, token: string): Promise<Answer> =>
    post(`${nodes.issuer}/introspect`, { token }, on(node, STOCK))
  const subject = async () => {
    const rp = await discover(nodes.issuer)
    const asks = { scope: 'openid read', resource: ORDERS, prompt: 'consent' }
    return signIn(rp, asks, { exchange: { resource: ORDERS } })
  }

  it('follow a change on another node within a second, in both directions', async () => {
    const server = sampleResourceServer()
    const apis = (node: number) => nodes.apps[node]!.resourceServers
    // A second, and whatever a busy machine takes to answer: what is asked after it must have seen the change.
    const seen = async (node: number, status: number) => {
      const before = performance.now()
      for (let answer: Answer | undefined; answer?.status !== status; await sleep(50)) {
        const late = performance.now() - before > 1_000
        answer = await own(node, server.audience)
        if (late) expect(answer.status).to.equal(status)
      }
    }
    expect((await own(1, server.audience)).json.error).to.equal('invalid_target')
    await apis(0).create(server, actor)
    await seen(1, 200)
    await apis(1).disable(server.audience, actor)
    await seen(0, 400)
    await apis(0).enable(server.audience, actor)
    await seen(1, 200)
  })

  it('wait for a database that is away with 503, and go on without a restart', async () => {
    const { tokens } = await subject()
    const { json } = await exchange(0, tokens.access_token)
    await postgres.service.kill()
    const all = () =>
      Promise.all([
        own(0, STOCK),
        exchange(0, tokens.access_token),
        introspect(0, json.access_token),
        get(`${nodes.issuer}/.well-known/oauth-protected-resource/orders.example`),
      ])
    // What is remembered is good for a moment longer.
    await sleep(1_000)
    for (const { status, headers, text } of await all()) {
      expect(status, text).to.equal(503)
      expect(headers.get('retry-after')).to.not.equal(null)
    }
    await postgres.service.start()
    await eventually('all of it works again', async () => (await all()).every(({ status }) => status === 200))
    expect((await introspect(0, json.access_token)).json.active).to.equal(true)
  })

  it('end for good, however an exchange and the end of the sign-in meet', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { tokens, sub } = await subject()
      const attempts = Array.from({ length: 12 }, async (_, at) => {
        await sleep(at * 2)
        return exchange(at % 2, tokens.access_token)
      })
      await sleep(10)
      await new Access(nodes.apps[0]!.storage.database).signOutEverywhere(sub, actor)
      const answers = await Promise.all(attempts)
      for (const { status, json } of answers) {
        expect(status, JSON.stringify(json)).to.be.oneOf([200, 400])
        if (status === 200) expect((await introspect(1, json.access_token)).json.active).to.equal(false)
        else expect(json.error).to.be.oneOf(['invalid_request', 'invalid_grant'])
      }
      expect((await exchange(1, tokens.access_token)).json.error).to.equal('invalid_request')
    }
  })
})
