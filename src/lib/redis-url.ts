/**
 * What `REDIS_URL` may say: one Redis, a master that Sentinels watch, or a Redis Cluster. Read once for the
 * configuration, which shows what is wrong with it, and once by whoever connects.
 *
 *   redis://[user:password@]host[:6379][/db]
 *   redis+sentinel://[user:password@]host[:26379],host…/master[/db][?sentinelPassword=…]
 *   redis+cluster://[user:password@]host[:6379],host…
 *
 * `rediss` instead of `redis` asks for TLS, of the Sentinels too.
 */

export interface Host {
  host: string
  port: number
}

interface Access {
  tls: boolean
  username?: string | undefined
  password?: string | undefined
}

export type RedisAddress = Access &
  (
    | { kind: 'single'; server: Host; db: number }
    | {
        kind: 'sentinel'
        sentinels: Host[]
        master: string
        db: number
        sentinelPassword?: string | undefined
      }
    | { kind: 'cluster'; nodes: Host[] }
  )

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^?]*)@)?([^/?#@]*)([^?#]*)(?:\?(.*))?$/
const HOST = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(.*))?$/

/** @throws TypeError in words for the operator, without the value: there may be a password in it */
export function parseRedisUrl(text: string): RedisAddress {
  const match = FORM.exec(text)
  if (!match) fail('must be a URL: redis://…, redis+sentinel://… or redis+cluster://… (with TLS rediss…)')
  const [, scheme, kind, userInfo, hosts = '', path = '', query] = match
  const access = { tls: scheme === 'rediss', ...readUser(userInfo) }
  const [first = '', ...others] = path.split('/').slice(1)
  if (query !== undefined && kind !== 'sentinel')
    fail('must not have a query ("?…"): there is nothing to say in it')
  switch (kind) {
    case 'cluster':
      if (first !== '' || others.length > 0)
        fail('must not name a database: a Redis Cluster has only one, without a number')
      return { kind, ...access, nodes: readHosts(hosts, 6379) }
    case 'sentinel':
      if (first === '' || others.length > 1)
        fail('must name the master that the Sentinels watch, as in redis+sentinel://a:26379,b:26379/mymaster')
      return {
        kind,
        ...access,
        sentinels: readHosts(hosts, 26_379),
        master: decode(first),
        db: readDatabase(others[0]),
        sentinelPassword: readSentinelPassword(query),
      }
    default: {
      const [server, second] = readHosts(hosts, 6379)
      if (second) fail('names several servers: say what they are with redis+cluster:// or redis+sentinel://')
      if (others.length > 0) fail('must end after the number of the database')
      return { kind: 'single', ...access, server: server as Host, db: readDatabase(first) }
    }
  }
}

function readUser(userInfo: string | undefined): { username?: string; password?: string } {
  if (userInfo === undefined) return {}
  const colon = userInfo.indexOf(':')
  const username = decode(colon < 0 ? userInfo : userInfo.slice(0, colon))
  const password = colon < 0 ? '' : decode(userInfo.slice(colon + 1))
  return { ...(username && { username }), ...(password && { password }) }
}

function readHosts(text: string, defaultPort: number): Host[] {
  return text.split(',').map((entry) => {
    const match = HOST.exec(entry)
    if (!match?.[1]) fail('names no host where one must be (or an IPv6 address without [ ])')
    const port = match[2] === undefined ? defaultPort : Number(match[2])
    if (!/^\d+$/.test(match[2] ?? '1') || port < 1 || port > 65_535)
      fail('has a port that is not a number from 1 to 65535')
    return { host: match[1].replace(/^\[|\]$/g, ''), port }
  })
}

function readDatabase(text = ''): number {
  if (!/^\d{0,4}$/.test(text)) fail('must end in the number of a database, as in redis://host:6379/0')
  return Number(text)
}

function readSentinelPassword(query: string | undefined): string | undefined {
  if (query === undefined) return undefined
  const { sentinelPassword, ...others } = Object.fromEntries(new URLSearchParams(query))
  if (!sentinelPassword || Object.keys(others).length > 0)
    fail('may say one thing after the "?": sentinelPassword=…, where the Sentinels have one of their own')
  return sentinelPassword
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return fail('has a user, password or name that is not percent-encoded (write % as %25)')
  }
}

function fail(problem: string): never {
  throw new TypeError(problem)
}
