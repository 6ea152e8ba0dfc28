/**
 * One redemption of a code or refresh token at a time. The engine consumes first and saves what it issues afterwards;
 * whoever comes in between sees "used already" and, as the standard asks, revokes the grant (RFC 6749 4.1.2, RFC 9700
 * 4.14.2), so that of many at once nobody would win. Here the others are sent away while one is at it; who comes
 * after it has ended meets the engine's own rule. The compare-and-set in the store decides in any case.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Ephemeral, KeyedHash } from '../domain/ports.ts'

/** longer than any redemption takes; a process that died in one frees it by then */
const HOLD_SECONDS = 10

export class Redemptions {
  readonly #ephemeral: Ephemeral
  readonly #keyed: KeyedHash
  readonly #held = new WeakMap<KoaContextWithOIDC, string[]>()

  constructor(ephemeral: Ephemeral, keyed: KeyedHash) {
    this.#ephemeral = ephemeral
    this.#keyed = keyed
  }

  /** Around the engine: frees what the request held, however it ended. */
  release = async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    try {
      await next()
    } finally {
      const keys = this.#held.get(ctx) ?? []
      // Soft state: left behind it runs out by itself.
      await Promise.all(keys.map((key) => this.#ephemeral.delete(key).catch(() => undefined)))
    }
  }

  /** @throws InvalidGrant while another request redeems the same value */
  async begin(ctx: KoaContextWithOIDC, model: string, value: string): Promise<void> {
    const key = `redeem:${this.#keyed.digest('redemption', `${model}\0${value}`).toString('base64url')}`
    const held = this.#held.get(ctx) ?? []
    if (held.includes(key)) return
    // Without the soft store the compare-and-set alone decides: stricter, and still nobody wins twice.
    const first = await this.#ephemeral.putOnce(key, '1', HOLD_SECONDS).catch(() => true)
    if (!first) throw new errors.InvalidGrant('redeemed by another request at this moment')
    this.#held.set(ctx, [...held, key])
  }
}
