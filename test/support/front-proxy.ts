/**
 * What stands in front of Ostiary in production, small: speaks for an https issuer on a loopback port, hands requests
 * to one of several processes in turn, and names the client in the forwarded headers.
 */
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FrontProxy {
  /** where tests reach it; addresses of the issuer in `Location` become addresses below it */
  origin: string
  /** which processes get the requests from now on */
  targets: string[]
  /** headers it adds or overrides */
  headers: Record<string, string>
  close(): Promise<void>
}

export async function startFrontProxy(issuer: string, targets: string[]): Promise<FrontProxy> {
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const target = new URL(proxy.targets[turn++ % proxy.targets.length] ?? '')
    const headers: IncomingHttpHeaders = {
      ...incoming.headers,
      host: new URL(issuer).host,
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
      ...proxy.headers,
    }
    const { method, url: path } = incoming
    const onward = request(
      { host: target.hostname, port: target.port, method, path, headers, agent: false },
      (answer) => {
        const { location } = answer.headers
        const moved = location?.startsWith(issuer) ? proxy.origin + location.slice(issuer.length) : location
        outgoing.writeHead(answer.statusCode ?? 502, {
          ...answer.headers,
          ...(moved ? { location: moved } : {}),
        })
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => outgoing.writableEnded || outgoing.writeHead(502).end())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: FrontProxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets,
    headers: {},
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return proxy
}
