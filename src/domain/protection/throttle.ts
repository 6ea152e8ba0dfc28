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

const HOUR = 3600
const DAY = 24 * HOUR

export interface Limits {
  /** failed sign-ins for one account from browsers it never used, per hour */
  signInStranger: number
  /** the same, per 30 days (NIST SP 800-63B-4 3.2.2 allows 100) */
  signInStrangerMonth: number
  /** failed sign-ins for one account from one known browser, per hour */
  signInDevice: number
  /** failed sign-ins from one network (IPv4 address, IPv6 /64), per hour */
  signInNetwork: number
  /** registrations and reset requests from one network, per hour */
  formNetwork: number
  /** device codes typed from one network, per hour */
  userCodeNetwork: number
  /** mails to one address, per hour */
  mailAddress: number
  /** mails asked for from one network, per hour */
  mailNetwork: number
}

export const DEFAULT_LIMITS: Limits = {
  signInStranger: 10,
  signInStrangerMonth: 100,
  signInDevice: 10,
  signInNetwork: 100,
  formNetwork: 60,
  userCodeNetwork: 60,
  mailAddress: 6,
  mailNetwork: 60,
}

export class Throttle {
  readonly #ephemeral: Ephemeral
  readonly limits: Limits

  constructor(ephemeral: Ephemeral, limits: Limits = DEFAULT_LIMITS) {
    this.#ephemeral = ephemeral
    this.limits = limits
  }

  /** Takes one from every bucket. Throws `throttled` with the wait, and takes nothing, when one is empty. */
  async take(buckets: readonly Bucket[]): Promise<() => Promise<void>> {
    const counters = await Promise.all(
      buckets.map((bucket) => this.#ephemeral.increment(bucket.key, bucket.windowSeconds)),
    )
    const waits = counters.flatMap((counter, index) =>
      counter.count > (buckets[index]?.limit ?? 0) ? [counter.resetsInSeconds] : [],
    )
    const refund = async () => {
      await Promise.all(
        buckets.map((bucket) => this.#ephemeral.increment(bucket.key, bucket.windowSeconds, -1)),
      )
    }
    if (waits.length > 0) {
      await refund()
      throw new DomainError('throttled', { retryAfterSeconds: Math.max(1, ...waits) })
    }
    return refund
  }

  /** @param account user id, or the key of an identifier nobody has: both look alike from outside */
  signIn(account: string, deviceId: string | undefined, ip: string): Bucket[] {
    const { limits } = this
    const perAccount: Bucket[] = deviceId
      ? [{ key: `sign-in:device:${account}:${deviceId}`, limit: limits.signInDevice, windowSeconds: HOUR }]
      : [
          { key: `sign-in:account:${account}`, limit: limits.signInStranger, windowSeconds: HOUR },
          { key: `sign-in:month:${account}`, limit: limits.signInStrangerMonth, windowSeconds: 30 * DAY },
        ]
    return [
      ...perAccount,
      { key: `sign-in:net:${networkOf(ip)}`, limit: limits.signInNetwork, windowSeconds: HOUR },
    ]
  }

  form(ip: string): Bucket[] {
    return [{ key: `form:net:${networkOf(ip)}`, limit: this.limits.formNetwork, windowSeconds: HOUR }]
  }

  userCode(ip: string): Bucket[] {
    return [
      { key: `user-code:net:${networkOf(ip)}`, limit: this.limits.userCodeNetwork, windowSeconds: HOUR },
    ]
  }

  mail(address: string, ip: string): Bucket[] {
    return [
      { key: `mail:to:${address}`, limit: this.limits.mailAddress, windowSeconds: HOUR },
      { key: `mail:net:${networkOf(ip)}`, limit: this.limits.mailNetwork, windowSeconds: HOUR },
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
