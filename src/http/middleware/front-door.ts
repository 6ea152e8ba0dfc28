/**
 * The first thing every request meets: who is really asking, under which name, with which id. Forwarded headers count
 * only from proxies the operator named and are replaced by what was decided here, so nothing behind this can be told
 * another host, protocol or address (Host and X-Forwarded-* poisoning, `security.md` group E).
 */
import { randomUUID } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { Context, Middleware, Next } from 'koa'
import type { RequestFacts } from '../../domain/audit/events.ts'
import { Problem } from '../problem.ts'
import { stateOf } from '../state.ts'
import {
  type CertificateHeaders,
  isServedToPrograms,
  namesAddressesForPeople,
  takeCertificate,
} from './client-certificate.ts'
import { assertMethod } from './methods.ts'

export interface FrontDoorOptions {
  /** origin of the issuer: the only host that is served */
  issuer: string
  trustedProxies: readonly string[]
  /** where clients show certificates (RFC 8705); undefined: nowhere */
  mtls: CertificateHeaders | undefined
  /** evaluation: a person who typed 127.0.0.1 is sent to the issuer's own name */
  redirectLoopback: boolean
  withRequestId: <T>(id: string, work: () => T) => T
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/
const LOOPBACK_HOSTS = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const FORWARDED = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
]
const USER_AGENT_MAX = 300
/** what the engine reads at most; forms of ours are smaller */
const BODY_MAX = 56 * 1024

/** Decides id and address; must come first. */
export function identify(options: FrontDoorOptions): Middleware {
  const trusted = blockListOf(options.trustedProxies)
  const isProxy =
    options.trustedProxies.length === 0 ? () => false : remembered((peer) => isListed(trusted, peer))
  return (ctx: Context, next: Next) => {
    const { headers } = ctx.req
    const peer = ctx.req.socket.remoteAddress ?? ''
    const viaProxy = isProxy(peer)
    const ip = viaProxy ? clientAddress(headers['x-forwarded-for'], peer, trusted) : canonical(peer)
    const given = headers['x-request-id']
    const id = viaProxy && typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    // Whoever may name the trace of a request puts theirs into others', and has them kept when they choose.
    const traceparent = headers.traceparent
    if (viaProxy && typeof traceparent === 'string') stateOf(ctx).traceparent = traceparent
    for (const name of FORWARDED) if (headers[name] !== undefined) delete headers[name]
    takeHostOfTarget(ctx)
    if (options.mtls) stateOf(ctx).certificate = takeCertificate(headers, options.mtls, viaProxy)
    headers['x-forwarded-proto'] = options.issuer.startsWith('https:') ? 'https' : 'http'
    headers['x-forwarded-for'] = ip
    const agent = headers['user-agent']?.slice(0, USER_AGENT_MAX)
    const facts: RequestFacts = { id, ip, userAgent: agent }
    stateOf(ctx).facts = facts
    ctx.set('X-Request-Id', id)
    return options.withRequestId(id, next)
  }
}

/** Serves the issuer's host, at the mTLS host the endpoints of programs, and only requests whose address can be read and whose body we would take. */
export function admit(options: FrontDoorOptions): Middleware {
  const { host: issuerHost } = new URL(options.issuer)
  const mtlsHost = options.mtls && new URL(options.mtls.origin).host
  return (ctx: Context, next: Next) => {
    const host = ctx.req.headers.host ?? ''
    if (host.toLowerCase() === mtlsHost && mtlsHost !== issuerHost) {
      if (!isServedToPrograms(ctx.path))
        throw new Problem('wrong-host', { params: { issuer: options.issuer } })
      if (namesAddressesForPeople(ctx.path)) ctx.req.headers.host = issuerHost
      else ctx.req.headers['x-forwarded-proto'] = 'https'
    } else if (host.toLowerCase() !== issuerHost) {
      if (
        options.redirectLoopback &&
        LOOPBACK_HOSTS.test(host) &&
        (ctx.method === 'GET' || ctx.method === 'HEAD')
      ) {
        ctx.status = 307
        // Only the path of our own request goes on; it starts with one slash, so it cannot name another host.
        ctx.set('Location', `${options.issuer}${ctx.path.replace(/^\/{2,}/, '/')}${ctx.search}`)
        return
      }
      throw new Problem('wrong-host', { params: { issuer: options.issuer } })
    }
    assertReadable(ctx.path)
    assertReadable(ctx.querystring)
    assertMethod(ctx)
    // The API bounds what it reads route by route: an import is larger than a form.
    const bounded = ctx.path.startsWith('/api/')
    if (!bounded && Number(ctx.req.headers['content-length']) > BODY_MAX) throw new Problem('too-large')
    return next()
  }
}

/** RFC 9112 3.2.2: a target in absolute form names the host, whatever the Host header says; from here on they agree. */
function takeHostOfTarget(ctx: Context): void {
  if (ctx.url.startsWith('/')) return
  const target = URL.parse(ctx.url)
  if (!target?.host) return
  ctx.req.headers.host = target.host
  ctx.url = target.pathname + target.search
  // What addresses are made from (Koa's `href`).
  ctx.originalUrl = ctx.request.originalUrl = ctx.url
}

/** RFC 3986 2.5: percent-encoded octets are UTF-8; NUL has no place in any value of ours. */
function assertReadable(text: string): void {
  if (!text.includes('%') && !text.includes('\0')) return
  let decoded: string
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Problem('bad-encoding')
  }
  if (decoded.includes('\0')) throw new Problem('bad-encoding')
}

function blockListOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return list
}

function isListed(list: BlockList, address: string): boolean {
  const ip = canonical(address)
  return isIP(ip) !== 0 && list.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')
}

/** The few peers that a connection comes from again and again. */
function remembered(ask: (peer: string) => boolean): (peer: string) => boolean {
  const known = new Map<string, boolean>()
  return (peer) => {
    const answer = known.get(peer) ?? ask(peer)
    if (known.size < 1_000) known.set(peer, answer)
    return answer
  }
}

/** The right-most address that is no trusted proxy: everything left of it could have been made up. */
function clientAddress(
  forwardedFor: string | string[] | undefined,
  peer: string,
  trusted: BlockList,
): string {
  const chain = [forwardedFor ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((entry) => canonical(withoutPort(entry.trim())))
  for (const address of chain.reverse()) {
    if (isIP(address) === 0) break
    if (!isListed(trusted, address)) return address
  }
  return canonical(peer)
}

/** Some proxies (Azure's, IIS) write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const [, v4, v6] = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\])(?::\d+)?$/.exec(entry) ?? []
  return v4 ?? v6 ?? entry
}

function canonical(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
