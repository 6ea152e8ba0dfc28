/** One initial access token, many registrations at once, on two nodes: as many clients as it has uses. */
import { expect } from 'chai'
import { makeToken } from '../support/initial-access-tokens.ts'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { sendJson } from '../support/protocol.ts'

const AT_ONCE = 20

describe('registrations at once on two nodes', function () {
  this.timeout(120_000)
  let nodes: Nodes
  before(async () => {
    nodes = await startNodes(2)
  })
  after(() => nodes?.close())

  const running = () => ({ app: nodes.apps[0]!, secrets: nodes.secrets })
  const register = (bearer: string, node: number) =>
    sendJson(
      'POST',
      `${nodes.issuer}/reg`,
      { redirect_uris: ['https://app.example.org/cb'] },
      { bearer, headers: { [NODE_HEADER]: String(node) } },
    )
  const clients = async () => (await nodes.apps[0]!.storage.database.clients.list()).length

  for (const limit of [{ usesLeft: 5 }, { maxClients: 5 }])
    it(`${AT_ONCE} with a token of ${JSON.stringify(limit)} make 5 clients`, async () => {
      const { value } = await makeToken(running(), limit)
      const before = await clients()
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => register(value, index % 2)),
      )
      const made = answers.filter(({ status }) => status === 201)
      expect(made).to.have.lengthOf(5)
      for (const { status, json } of answers)
        if (status !== 201) expect([status, json.error]).to.deep.equal([401, 'invalid_token'])
      expect(await clients()).to.equal(before + 5)
      for (const { json } of made) {
        const read = await fetch(json.registration_client_uri, {
          headers: { authorization: `Bearer ${json.registration_access_token}` },
        })
        expect(read.status).to.equal(200)
      }
    })
})
