/**
 * A TCP connection with faults: stands between the product and a server it depends on. Its address stays; where it
 * leads can be changed, as a virtual address moves in a failover. Loopback only.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Pair {
  near: Socket
  far: Socket
}

export class TcpProxy {
  /** port of 127.0.0.1 that new connections lead to */
  target: number
  /** milliseconds every piece of data takes longer, in each direction */
  delay = 0
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #stalled = false
  #held: (() => void)[] = []

  private constructor(target: number) {
    this.target = target
    this.#server = createServer((near) => this.#join(near))
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(0, '127.0.0.1', () => resolve())
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Takes connections and data and passes nothing on: a network that swallows. */
  stall(): void {
    this.#stalled = true
  }

  /** Passes on what it held, and what comes. */
  flow(): void {
    this.#stalled = false
    const held = this.#held
    this.#held = []
    for (const pass of held) pass()
  }

  /** Breaks every connection with a reset. New ones are taken. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.reset()
    await closed
  }

  #join(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.target })
    const pair = { near, far }
    this.#pairs.add(pair)
    near.setNoDelay()
    far.setNoDelay()
    // A server that refuses is seen by the client as a connection that breaks at once.
    const part = () => {
      this.#pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) socket.on('error', part).on('close', part)
    this.#pass(near, far)
    this.#pass(far, near)
  }

  #pass(from: Socket, to: Socket): void {
    from.on('data', (chunk) => this.#later(() => to.writable && to.write(chunk)))
    from.on('end', () => this.#later(() => to.end()))
  }

  /** In order: equal delays keep it, and what is held is passed on as it came. */
  #later(pass: () => void): void {
    const now = () => {
      if (this.#stalled) this.#held.push(pass)
      else pass()
    }
    if (this.delay > 0) setTimeout(now, this.delay)
    else now()
  }
}
