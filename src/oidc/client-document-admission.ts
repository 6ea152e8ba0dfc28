/** Anybody may name an address as client_id; who makes us look at too many of them is stopped before we look. */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { RequestFacts } from '../domain/audit/events.ts'
import { isDomainError } from '../domain/errors.ts'
import type { Throttle } from '../domain/protection/throttle.ts'
import { TooMany } from './errors.ts'

/** @returns counts one look, by network and by host; throws `TooMany` */
export function documentAdmission(
  throttle: Throttle,
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined,
) {
  return async (ctx: KoaContextWithOIDC, host: string): Promise<void> => {
    try {
      await throttle.take(throttle.document(host, factsOf(ctx)?.ip ?? ''))
    } catch (error) {
      if (!isDomainError(error, 'throttled')) throw error
      const { retryAfterSeconds = 60 } = error
      ctx.set('Retry-After', String(retryAfterSeconds))
      throw new TooMany('too many unknown client_id addresses were asked about; try again later')
    }
  }
}
