/** Where this process begins to connect to while it watches. "No packet" means it is not among these. */
import { Socket } from 'node:net'

export interface SocketWatch {
  /** `host:port` of each, in order */
  readonly destinations: string[]
  stop(): void
}

export function watchSockets(): SocketWatch {
  const destinations: string[] = []
  const connect = Socket.prototype.connect as (...args: unknown[]) => Socket
  Socket.prototype.connect = function watched(this: Socket, ...args: unknown[]): Socket {
    const [first] = args.flat() as { host?: string; port?: number | string }[]
    destinations.push(`${first?.host}:${first?.port}`)
    return connect.apply(this, args)
  } as typeof Socket.prototype.connect
  return {
    destinations,
    stop: () => {
      Socket.prototype.connect = connect as typeof Socket.prototype.connect
    },
  }
}
