/** Two nodes: what ends access on one has ended it at the API of the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { freePort } from '../support/child-service.ts'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import { post, send, signIn } from '../support/protocol.ts'
import { discover, RP_SECRET, webClient } from '../support/relying-party.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

describe('the API on two nodes', function () {
  this.timeout(120_000)
  let nodes: Nodes
  before(async () => {
    nodes = await startNodes(2, {}, { clients: [webClient({ first_party: true })] })
  })
  after(() => nodes?.close())

  const at = (node: number, method: string, path: string, token: string) =>
    send(method, nodes.issuer + path, undefined, { bearer: token, headers: { [NODE_HEADER]: String(node) } })

  async function newToken(email: string, roles: readonly string[] = [], deployment = nodes) {
    const [app] = deployment.apps
    if (!app) throw new Error('no node')
    const person = await createPerson({ app, config: app.config, secrets: deployment.secrets }, { email })
    for (const role of roles) await app.storage.database.users.addRole(person.id, role)
    const resource = `${deployment.issuer}/api`
    const scope = 'openid account:read account:write users:write'
    const rp = await discover(deployment.issuer)
    const { tokens, agent } = await signIn(
      rp,
      { scope, resource },
      { person: { email }, exchange: { resource } },
    )
    return { userId: person.id, token: tokens.access_token, agent }
  }

  it('refuses on the other node, with the next request, what was ended here', async () => {
    const admin = await newToken('admin@example.org', ['admin'])
    const endings: Record<string, (one: Awaited<ReturnType<typeof newToken>>) => Promise<unknown>> = {
      'signing out': async ({ agent }) => {
        const page = await agent.get(`${nodes.issuer}/session/end`, { [NODE_HEADER]: '0' })
        await agent.submit(page, { logout: 'yes' })
      },
      revocation: ({ token }) => post(`${nodes.issuer}/revoke`, { token }, { basic: ['web', RP_SECRET] }),
      'disabling the person': ({ userId }) =>
        at(0, 'POST', `/api/v1/admin/users/${userId}/disable`, admin.token),
    }
    for (const [index, [how, end]] of Object.entries(endings).entries()) {
      const one = await newToken(`one-${index}@example.org`)
      expect((await at(1, 'GET', '/api/v1/users/me', one.token)).status, how).to.equal(200)
      await end(one)
      const { status, json } = await at(1, 'GET', '/api/v1/users/me', one.token)
      expect([status, json.code], how).to.deep.equal([401, 'invalid_token'])
    }
    expect((await at(1, 'GET', '/api/v1/users/me', admin.token)).status).to.equal(200)
  })

  it('says in its own words that the database is away, and works when it is back', async () => {
    const database = await newPostgresDatabase()
    const url = new URL(database.url)
    const home = Number(url.port)
    const proxy = await TcpProxy.start(home)
    url.host = `127.0.0.1:${proxy.port}`
    const one = await startNodes(
      1,
      { DATABASE_URL: url.href },
      { clients: [webClient({ first_party: true })] },
    )
    try {
      const { token } = await newToken('patient@example.org', [], one)
      const me = () => send('GET', `${one.issuer}/api/v1/users/me`, undefined, { bearer: token })
      expect((await me()).status).to.equal(200)
      proxy.target = await freePort()
      proxy.reset()
      const away = await me()
      expect([away.status, away.json.code], away.text).to.deep.equal([503, 'unavailable'])
      expect(Number(away.headers.get('retry-after'))).to.be.above(0)
      expect(away.text).to.not.match(/ECONN|postgres|terminated/i)
      proxy.target = home
      for (let tries = 0; (await me()).status !== 200; tries += 1) {
        expect(tries).to.be.below(50)
        await sleep(100)
      }
    } finally {
      await one.close()
      await proxy.close()
      await database.drop()
    }
  })

  it('of repeated creations on both nodes one is made', async () => {
    const admin = await newToken('admin-2@example.org', ['admin'])
    const body = JSON.stringify({ email: 'both@example.org' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        send('POST', `${nodes.issuer}/api/v1/admin/users`, body, {
          bearer: admin.token,
          headers: {
            ...{ 'content-type': 'application/json', 'idempotency-key': 'both-nodes' },
            [NODE_HEADER]: String(index % 2),
          },
        }),
      ),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(new Set(made.map(({ json }) => json.id)).size).to.equal(1)
    for (const { status, text } of answers) expect(status, text).to.be.oneOf([201, 409])
  })
})
