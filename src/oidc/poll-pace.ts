/**
 * Tells who waits for a person's answer how often to ask, and who asks more often to slow down (RFC 8628 3.2, 3.5; CIBA
 * Core 1.0 7.3, 11); the engine does neither.
 */
import { createHash } from 'node:crypto'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { POLL_INTERVAL, type PollPace } from '../domain/protection/poll-pace.ts'
import { CIBA_GRANT, LONGEST_REQUEST } from './ciba.ts'
import { DEVICE_CODE } from './tokens.ts'

/** Grant types that are asked for again and again: what is asked with, and how long that lives (seconds). */
const POLLED: Record<string, { parameter: string; lifetime: number }> = {
  'urn:ietf:params:oauth:grant-type:device_code': { parameter: 'device_code', lifetime: DEVICE_CODE },
  [CIBA_GRANT]: { parameter: 'auth_req_id', lifetime: LONGEST_REQUEST },
}
const TELLING = new Set<string | undefined>(['device_authorization', 'backchannel_authentication'])

/** Runs around the engine: it has authenticated the client, and what it asks about is this client's and waits. */
export function pollPace(pace: PollPace) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { oidc, body } = ctx
    if (TELLING.has(oidc?.route) && ctx.status === 200) {
      ctx.body = { ...(body as object), interval: POLL_INTERVAL }
      return
    }
    if (oidc?.route !== 'token') return
    const polled = POLLED[String(oidc.params?.grant_type)]
    if (!polled || (body as { error?: string } | undefined)?.error !== 'authorization_pending') return
    const secret = String(oidc.params?.[polled.parameter])
    const digest = createHash('sha256').update(secret).digest('base64url')
    if (!(await pace.isTooSoon(digest, polled.lifetime))) return
    const { error, error_description } = new errors.SlowDown()
    ctx.body = { error, error_description }
  }
}
