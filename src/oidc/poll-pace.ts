/** Tells devices how often to ask, and those that ask more often to slow down (RFC 8628 3.2, 3.5); the engine does neither. */
import { createHash } from 'node:crypto'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { POLL_INTERVAL, type PollPace } from '../domain/protection/poll-pace.ts'
import { DEVICE_CODE } from './tokens.ts'

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Runs around the engine: it has authenticated the client, and the code is this client's and waits. */
export function devicePace(pace: PollPace) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { oidc, body } = ctx
    if (oidc?.route === 'device_authorization' && ctx.status === 200) {
      ctx.body = { ...(body as object), interval: POLL_INTERVAL }
      return
    }
    if (oidc?.route !== 'token' || oidc.params?.grant_type !== GRANT_TYPE) return
    if ((body as { error?: string } | undefined)?.error !== 'authorization_pending') return
    const digest = createHash('sha256').update(String(oidc.params.device_code)).digest('base64url')
    if (!(await pace.isTooSoon(digest, DEVICE_CODE))) return
    const { error, error_description } = new errors.SlowDown()
    ctx.body = { error, error_description }
  }
}
