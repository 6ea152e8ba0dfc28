/**
 * A load balancer as one stands in front of several nodes: asks each for its readiness five times a second, hands
 * requests in turn to those that are ready over connections it keeps, and never sends a request a second time: what a
 * node loses is lost. (`front-proxy.ts` knows nothing of readiness.)
 */
import { Agent, createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Balancer {
  /** where tests reach it; addresses of the issuer in `Location` become addresses below it */
  origin: string
  /** those that get requests now */
  ready(): string[]
  /** requests each node has answered */
  answered: ReadonlyMap<string, number>
  close(): Promise<void>
}

const CHECK_EVERY_MS = 200
/** on a busy machine a slow answer is no sign of anything */
const CHECK_PATIENCE_MS = 5000

/** Hop by hop: they are about the connection to us, not about the one behind us (RFC 9110 7.6.1). */
const OWN_AFFAIRS = ['connection', 'keep-alive', 'transfer-encoding']

export async function startBalancer(issuer: string, nodes: readonly string[]): Promise<Balancer> {
  const ready = new Set<string>()
  const answered = new Map<string, number>()
  // As proxies do: connections are kept, and used again for whoever comes next.
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 32 })
  let turn = 0
  let open = true

  const server = createServer((incoming, outgoing) => {
    const among = [...ready]
    const node = among[turn++ % among.length]
    if (node === undefined) return refuse(outgoing, 'no node is ready')
    const { hostname, port } = new URL(node)
    const headers: IncomingHttpHeaders = {
      ...withoutOwnAffairs(incoming.headers),
      host: new URL(issuer).host,
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
    }
    const { method, url: path } = incoming
    const onward = request({ host: hostname, port, method, path, headers, agent }, (answer) => {
      answered.set(node, (answered.get(node) ?? 0) + 1)
      const { location, ...rest } = withoutOwnAffairs(answer.headers)
      const moved = location?.startsWith(issuer) ? origin + location.slice(issuer.length) : location
      outgoing.writeHead(answer.statusCode ?? 502, { ...rest, ...(moved ? { location: moved } : {}) })
      answer.pipe(outgoing)
      // An answer that breaks off must not look whole.
      answer.once('aborted', () => outgoing.destroy())
    })
    onward.once('error', (error: NodeJS.ErrnoException) =>
      refuse(outgoing, `${node}: ${error.code}${onward.reusedSocket ? ' on a kept connection' : ''}`),
    )
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const watch = async (node: string) => {
    while (open) {
      if (await isReady(node)) ready.add(node)
      else ready.delete(node)
      await sleep(CHECK_EVERY_MS)
    }
  }
  const watchers = nodes.map(watch)

  return {
    origin,
    ready: () => [...ready],
    answered,
    async close() {
      open = false
      server.closeAllConnections()
      agent.destroy()
      await Promise.all([...watchers, new Promise<void>((resolve) => server.close(() => resolve()))])
    },
  }
}

function withoutOwnAffairs(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_AFFAIRS.includes(name)))
}

function refuse(outgoing: ServerResponse, why: string): void {
  if (outgoing.headersSent) outgoing.destroy()
  else outgoing.writeHead(502, { 'x-balancer': why }).end(why)
}

/** On a connection of its own: a kept one would say how an old process is. */
function isReady(node: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request(`${node}/health/ready`, { agent: false, timeout: CHECK_PATIENCE_MS }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asking.once('timeout', () => asking.destroy())
    asking.once('error', () => resolve(false))
    asking.end()
  })
}
