/**
 * Loaded by mocha before every test: the tests talk to this machine and to nothing else. A test that reaches out
 * would pass or fail with the weather, and would tell a stranger that it ran.
 */
import { isIP, Socket } from 'node:net'

// What tests started is ended at the exit; a signal by itself would leave it running.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const LOOPBACK_NAMES = /^(localhost|.+\.localhost)\.?$/i

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) === 4) return bare.startsWith('127.')
  if (isIP(bare) === 6) return bare === '::1' || bare.toLowerCase().startsWith('::ffff:127.')
  return LOOPBACK_NAMES.test(bare)
}

/** Where a `connect(...)` call wants to go: options, a port and a host, or Node's already normalised arguments. */
function hostOf(args: unknown[]): string | undefined {
  const first = args[0]
  if (Array.isArray(first)) return hostOf(first)
  if (typeof first === 'object' && first !== null) {
    const options = first as { host?: string; path?: string }
    return options.path ? undefined : (options.host ?? 'localhost')
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) return undefined
  return typeof args[1] === 'string' ? args[1] : 'localhost'
}

const connect = Socket.prototype.connect as (...args: unknown[]) => Socket

Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]): Socket {
  const host = hostOf(args)
  if (host === undefined || isLoopback(host)) return connect.apply(this, args)
  const error = Object.assign(new Error(`tests must not reach the network (${host})`), {
    code: 'ENETUNREACH',
  })
  process.nextTick(() => this.destroy(error))
  return this
} as typeof Socket.prototype.connect
