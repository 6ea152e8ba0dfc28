/** Two nodes: what ends access on one has ended it at the API of the other. */
import { expect } from 'chai'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import { post, send, signIn } from '../support/protocol.ts'
import { discover, RP_SECRET, webClient } from '../support/relying-party.ts'

describe('the API on two nodes', function () {
  this.timeout(120_000)
  let nodes: Nodes
  before(async () => {
    nodes = await startNodes(2, {}, { clients: [webClient({ first_party: true })] })
  })
  after(() => nodes?.close())

  const at = (node: number, method: string, path: string, token: string) =>
    send(method, nodes.issuer + path, undefined, { bearer: token, headers: { [NODE_HEADER]: String(node) } })

  async function newToken(email: string, roles: readonly string[] = []) {
    const [app] = nodes.apps
    if (!app) throw new Error('no node')
    const person = await createPerson({ app, config: app.config, secrets: nodes.secrets }, { email })
    for (const role of roles) await app.storage.database.users.addRole(person.id, role)
    const resource = `${nodes.issuer}/api`
    const scope = 'openid account:read account:write users:write'
    const rp = await discover(nodes.issuer)
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
