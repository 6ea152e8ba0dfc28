/**
 * Throttling, not lockout. An attempt takes one token from each of its buckets before anything costly happens and
 * gets it back when it succeeds. Attempts from a browser that signed in to the account before use a bucket of their
 * own, so a stranger can empty only the strangers' bucket and never lock the owner out (OWASP device cookies).
 */
import { DomainError } from '../errors.ts'
import type { Ephemeral } from '../ports.ts'

export interface Bucket {
  key: string
  limit: number
  windowSeconds: number
}

const MINUTE = 60
const HOUR = 3600
const MONTH = 30 * 24 * HOUR

export interface Limits {
  /** failed sign-ins under one name (an account has two at most) from browsers it never used, per hour */
  signInStranger: number
  /** the same per 30 days, and per known browser: two names together stay within the 100 of NIST SP 800-63B-4 3.2.2 */
  signInMonth: number
  /** failed sign-ins for one account from one known browser, per hour */
  signInDevice: number
  /** failed sign-ins from one network (IPv4 address, IPv6 /64), per hour */
  signInNetwork: number
  /** registrations and reset requests from one network, per hour */
  formNetwork: number
  /** device codes typed from one network, per hour */
  userCodeNetwork: number
  /** clients registered without a token from one network, per hour */
  openRegistrationNetwork: number
  /** the same from all networks together */
  openRegistration: number
  /** documents of unknown clients that one network makes us read, per hour */
  documentNetwork: number
  /** the same of one host */
  documentHost: number
  /** mails to one address, per hour */
  mailAddress: number
  /** mails asked for from one network, per hour */
  mailNetwork: number
  /** approvals asked of one person under one name (an account has two at most), per hour */
  approvalPerson: number
  /** approvals asked by one client, per hour */
  approvalClient: number
  /** requests of one person to the API, per minute */
  apiPerson: number
  /** requests without a token to the API from one network, per minute */
  apiNetwork: number
  /** exports of one's account, per hour */
  export: number
}

export const DEFAULT_LIMITS: Limits = {
  signInStranger: 10,
  signInMonth: 50,
  signInDevice: 10,
  signInNetwork: 100,
  formNetwork: 60,
  userCodeNetwork: 60,
  openRegistrationNetwork: 10,
  openRegistration: 200,
  documentNetwork: 30,
  documentHost: 300,
  mailAddress: 6,
  mailNetwork: 60,
  approvalPerson: 10,
  approvalClient: 600,
  apiPerson: 300,
  apiNetwork: 120,
  export: 5,
}

export class Throttle {
  readonly #ephemeral: Ephemeral
  readonly limits: Limits

  constructor(ephemeral: Ephemeral, limits: Limits = DEFAULT_LIMITS) {
    this.#ephemeral = ephemeral
    this.limits = limits
  }

  /**
   * Takes one from every bucket, in their order. Throws `throttled` with the wait, and takes nothing, when one is
   * empty; those after it are not touched, so that a network without any left cannot make up counters without end.
   */
  async take(buckets: readonly Bucket[]): Promise<() => Promise<void>> {
    const taken: Bucket[] = []
    const refund = async () => {
      await Promise.all(
        taken.map((bucket) => this.#ephemeral.increment(bucket.key, bucket.windowSeconds, -1)),
      )
    }
    for (const bucket of buckets) {
      taken.push(bucket)
      const { count, resetsInSeconds } = await this.#ephemeral.increment(bucket.key, bucket.windowSeconds)
      if (count <= bucket.limit) continue
      await refund()
      throw new DomainError('throttled', { retryAfterSeconds: Math.max(1, resetsInSeconds) })
    }
    return refund
  }

  /** Takes one and says what is left: below zero there was none. For those who show it to whoever asks. */
  async spend(bucket: Bucket): Promise<{ left: number; resetsInSeconds: number }> {
    const { count, resetsInSeconds } = await this.#ephemeral.increment(bucket.key, bucket.windowSeconds)
    return { left: bucket.limit - count, resetsInSeconds }
  }

  /** @param caller a person's id, or the name of an application on its own account */
  api(caller: string): Bucket {
    return { key: `api:person:${caller}`, limit: this.limits.apiPerson, windowSeconds: MINUTE }
  }

  /** For those who ask without a token. */
  apiNetwork(ip: string): Bucket {
    return { key: `api:net:${networkOf(ip)}`, limit: this.limits.apiNetwork, windowSeconds: MINUTE }
  }

  export(userId: string): Bucket[] {
    return [{ key: `export:${userId}`, limit: this.limits.export, windowSeconds: HOUR }]
  }

  /**
   * @param name digest of the identifier that was typed, whether anybody has it or not
   * @param device account and device id of a browser that signed in to the account before; neither strangers nor
   *   other people of its network can use up its buckets
   */
  signIn(name: string, device: string | undefined, ip: string): Bucket[] {
    const { limits } = this
    if (device !== undefined)
      return [
        { key: `sign-in:device:${device}`, limit: limits.signInDevice, windowSeconds: HOUR },
        { key: `sign-in:device-month:${device}`, limit: limits.signInMonth, windowSeconds: MONTH },
      ]
    return [
      { key: `sign-in:net:${networkOf(ip)}`, limit: limits.signInNetwork, windowSeconds: HOUR },
      { key: `sign-in:name:${name}`, limit: limits.signInStranger, windowSeconds: HOUR },
      { key: `sign-in:month:${name}`, limit: limits.signInMonth, windowSeconds: MONTH },
    ]
  }

  /** Whether this is the first time within an hour. */
  async firstOf(key: string): Promise<boolean> {
    return this.#ephemeral.putOnce(`first:${key}`, '1', HOUR)
  }

  form(ip: string): Bucket[] {
    return [{ key: `form:net:${networkOf(ip)}`, limit: this.limits.formNetwork, windowSeconds: HOUR }]
  }

  userCode(ip: string): Bucket[] {
    return [
      { key: `user-code:net:${networkOf(ip)}`, limit: this.limits.userCodeNetwork, windowSeconds: HOUR },
    ]
  }

  openRegistration(ip: string): Bucket[] {
    const { limits } = this
    return [
      { key: `register:net:${networkOf(ip)}`, limit: limits.openRegistrationNetwork, windowSeconds: HOUR },
      { key: 'register:all', limit: limits.openRegistration, windowSeconds: HOUR },
    ]
  }

  document(host: string, ip: string): Bucket[] {
    const { limits } = this
    return [
      { key: `document:net:${networkOf(ip)}`, limit: limits.documentNetwork, windowSeconds: HOUR },
      { key: `document:host:${host}`, limit: limits.documentHost, windowSeconds: HOUR },
    ]
  }

  /** @param person digest of the name that was given, whether anybody has it or not; or the account of a token shown */
  approval(person: string, clientId: string): Bucket[] {
    const { approvalPerson, approvalClient } = this.limits
    return [
      { key: `approval:client:${clientId}`, limit: approvalClient, windowSeconds: HOUR },
      { key: `approval:person:${person}`, limit: approvalPerson, windowSeconds: HOUR },
    ]
  }

  mail(address: string, ip: string): Bucket[] {
    return [
      { key: `mail:net:${networkOf(ip)}`, limit: this.limits.mailNetwork, windowSeconds: HOUR },
      { key: `mail:to:${address}`, limit: this.limits.mailAddress, windowSeconds: HOUR },
    ]
  }
}

/** IPv4: the address. IPv6: the /64, because one host owns all of it. IPv4-mapped IPv6 counts as IPv4. */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped?.[1]) return mapped[1]
  if (!ip.includes(':')) return ip
  const [head = '', tail = ''] = ip.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = ip.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group || '0', 16).toString(16))
  return `${prefix.join(':')}::/64`
}
