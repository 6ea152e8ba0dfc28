/** A listed origin is listed, not everything it redirects to: there the guard against internal networks was taken off. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { outboundFetch } from '../../src/oidc/outbound.ts'

describe('outbound requests to a listed origin', () => {
  const servers: Server[] = []
  const serve = async (handler: Parameters<typeof createServer>[1]) => {
    const server = createServer(handler as never)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  it('do not follow a redirect to one that is not listed', async () => {
    let hits = 0
    const internal = await serve((_req, res) => {
      hits += 1
      res.end('["secret"]')
    })
    const listed = await serve((_req, res) => res.writeHead(302, { location: `${internal}/metadata` }).end())
    // as the engine asks for sector_identifier_uri and jwks_uri: no `redirect`, its guard in `dispatcher`
    await outboundFetch([listed])(`${listed}/sector.json`, { method: 'GET', dispatcher: {} }).catch(
      () => undefined,
    )
    expect(hits).to.equal(0)
  })
})
