/** The listening side: sockets, their limits, and a stop that finishes what was begun. Knows nothing of what is served. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ServeOptions {
  handler: RequestListener
  hosts: readonly string[]
  port: number
  /** how long `leave` goes on serving */
  drainDelaySeconds: number
  /** how long a stop waits for requests in flight */
  drainSeconds: number
}

/**
 * How a stop is made known to whoever sends requests here.
 * - `at once`: not at all; the port closes.
 * - `announced`: the port stays open for the drain delay, while `/health/ready` says no and the proxy turns away.
 * - `replaced`: others have the port already; connections that are open are served for the drain delay.
 */
export type Farewell = 'at once' | 'announced' | 'replaced'

export interface Serving {
  listen(): Promise<void>
  /** Answers from now on, each the last of its connection, until nobody comes or the drain delay is over. */
  leave(farewell: Farewell): Promise<void>
  /** Closes the port and waits for requests in flight, at most the drain time. */
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

export function serve({ handler, hosts, port, drainDelaySeconds, drainSeconds }: ServeOptions): Serving {
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
  let closed: Promise<unknown> | undefined
  const sayFarewell = () => {
    stopping = true
    for (const response of answering) isTheLast(response)
  }
  const stopListening = () => {
    closed ??= Promise.all(listening().map(stopAccepting))
    return closed
  }
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
    async leave(farewell) {
      if (farewell === 'at once') return
      sayFarewell()
      const nobodyLeft = farewell === 'replaced' ? [stopListening()] : []
      await Promise.race([...nobodyLeft, sleep(drainDelaySeconds * 1000)])
    },
    async close() {
      sayFarewell()
      const done = stopListening()
      // Opened in advance and never used: Node does not count them as idle.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
      for (const server of servers) server.closeIdleConnections()
      const deadline = setTimeout(() => {
        for (const server of servers) server.closeAllConnections()
      }, drainSeconds * 1000)
      await done
      clearTimeout(deadline)
    },
  }
}

/** A kept-alive connection would keep a stopping server busy until its time is over. */
function isTheLast(response: ServerResponse): void {
  // Not by a header: whoever writes an error page throws the headers set so far away.
  if (!response.headersSent) response.shouldKeepAlive = false
  else response.once('finish', () => response.req.socket.destroySoon())
}

/** Resolves when the last connection has ended. Node's own `close` for HTTP would end the idle ones at once. */
function stopAccepting(server: Server): Promise<void> {
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()))
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
