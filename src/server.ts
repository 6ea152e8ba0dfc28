/** The listening side: sockets, their limits, and a stop that finishes what was begun. Knows nothing of what is served. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface ServeOptions {
  handler: RequestListener
  hosts: readonly string[]
  port: number
  /** how long a stop waits for requests in flight */
  drainSeconds: number
}

export interface Serving {
  listen(): Promise<void>
  close(): Promise<void>
}

/** Slow senders are cut off (Node's defaults are 60 s and 300 s); keep-alive outlasts the usual proxy's 60 s. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1000,
}
const MAX_CONNECTIONS = 10_000

export function serve({ handler, hosts, port, drainSeconds }: ServeOptions): Serving {
  let stopping = false
  const sockets = new Set<Socket>()
  const answering = new Set<ServerResponse>()
  const servers: Server[] = hosts.map(() => {
    const server = createServer(LIMITS, (request, response) => {
      answering.add(response)
      response.once('close', () => answering.delete(response))
      if (stopping) isTheLast(response)
      handler(request, response)
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    server.maxConnections = MAX_CONNECTIONS
    return server
  })
  const listening = () => servers.filter((server) => server.listening)
  return {
    async listen() {
      const results = await Promise.allSettled(
        servers.map((server, index) => listenOn(server, hosts[index] ?? '', port)),
      )
      const failures = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as NodeJS.ErrnoException] : [],
      )
      // A machine without IPv6 cannot serve ::1; that is fine as long as somebody can reach us.
      const fatal = failures.find(({ code }) => code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT')
      if (fatal || failures.length === servers.length) {
        await Promise.all(listening().map(closeNow))
        throw fatal ?? failures[0]
      }
    },
    async close() {
      stopping = true
      for (const response of answering) isTheLast(response)
      // Opened in advance and never used: Node does not count them as idle.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
      await Promise.all(
        listening().map(async (server) => {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()))
          server.closeIdleConnections()
          const deadline = setTimeout(() => server.closeAllConnections(), drainSeconds * 1000)
          await closed
          clearTimeout(deadline)
        }),
      )
    },
  }
}

/** A kept-alive connection would keep a stopping server busy until its time is over. */
function isTheLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close')
  else response.once('finish', () => response.req.socket.destroySoon())
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closeNow(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
