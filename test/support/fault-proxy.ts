/** A cable with faults: passes TCP on, and when told so late, not at all, or cuts it. For one server on loopback. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FaultProxy {
  /** the server's URL with the proxy's address in it */
  url: string
  /** milliseconds that everything from the server waits */
  delayMs: number
  /** nothing passes, in either direction; connections stay open and new ones are taken */
  stalled: boolean
  /** Cuts every connection. */
  reset(): void
  close(): Promise<void>
}

export async function startFaultProxy(serverUrl: string): Promise<FaultProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const passOn = async (from: Socket, to: Socket, late: () => number) => {
    for await (const chunk of from) {
      // Reading no further while one chunk waits would make ten answers ten times as late.
      const due = performance.now() + late()
      queue(to, async () => {
        await sleep(Math.max(0, due - performance.now()))
        while (proxy.stalled && !to.destroyed) await sleep(20)
        if (to.writable) to.write(chunk)
      })
    }
  }
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    passOn(near, far, () => 0).catch(() => {})
    passOn(far, near, () => proxy.delayMs).catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const proxy: FaultProxy = {
    url: url.href,
    delayMs: 0,
    stalled: false,
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      proxy.stalled = false
      const closed = once(server, 'close')
      server.close()
      proxy.reset()
      await closed
    },
  }
  return proxy
}

const waiting = new WeakMap<Socket, Promise<void>>()

/** One after the other, in the order of the calls. */
function queue(socket: Socket, step: () => Promise<void>): void {
  waiting.set(socket, (waiting.get(socket) ?? Promise.resolve()).then(step))
}
