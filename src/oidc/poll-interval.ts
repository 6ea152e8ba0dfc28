/**
 * How often an app may ask whether a person has answered (RFC 8628 3.5, CIBA Core 1.0 7.3), counted by all nodes
 * together: who asks sooner is told `slow_down`, and has five seconds more to wait from then on.
 */
import { createHash } from 'node:crypto'
import { errors } from 'oidc-provider'
import type { Ephemeral } from '../domain/ports.ts'

/** seconds; what the standards say where no `interval` is given */
const INTERVAL = 5
/** a poll sent in time may arrive a little early */
const EARLY = 1
const MOST = 60
/** longer than anything that is polled for lives */
const REMEMBERED = 1800

/** Called with what is polled for, when the answer would be "not yet". Throws SlowDown. */
export type PollGuard = (secret: string) => Promise<void>

export function pollGuard(ephemeral: Ephemeral): PollGuard {
  return async (secret) => {
    // What is polled for is a bearer secret: keys are not sealed.
    const name = createHash('sha256').update(secret).digest('base64url')
    const { count } = await ephemeral.increment(`poll-slow:${name}`, REMEMBERED, 0)
    const interval = Math.min(MOST, INTERVAL * (count + 1))
    if (await ephemeral.putOnce(`poll:${name}`, '1', interval - EARLY)) return
    await ephemeral.increment(`poll-slow:${name}`, REMEMBERED)
    throw new errors.SlowDown()
  }
}
