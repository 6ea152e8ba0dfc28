/** Clocks that differ: what the client's own JWTs say about the time, beside the time of the failure. */
import type { FailureRecord, JwtFacts } from '../record.ts'
import { oidcCore, type Rule, rfc, type Standard, says } from '../rule.ts'

/** a proof is a thing of the moment (RFC 9449 11.1) */
const PROOF_SECONDS = 300

const assertion: Rule = (failure) => {
  const facts = failure.jwts.client_assertion
  if (!facts || failure.error !== 'invalid_client') return undefined
  if (!says(failure, /jwt expired|jwt not active yet|issued in the future|is in the future/)) return undefined
  return clockOff(failure, 'client assertion', facts, rfc(7523, '3'))
}

const proof: Rule = (failure) => {
  const facts = failure.jwts.dpop
  if (!facts || !says(failure, 'iat is not recent enough')) return undefined
  return clockOff(failure, 'DPoP proof', facts, rfc(9449, '4.3'))
}

const requestObject: Rule = (failure) => {
  const facts = failure.jwts.request
  if (!facts || !says(failure, /jwt expired|jwt not active yet|issued in the future/)) return undefined
  return clockOff(failure, 'request object', facts, oidcCore('6.1'))
}

function clockOff(failure: FailureRecord, what: string, facts: JwtFacts, standard: Standard) {
  const now = Date.parse(failure.at) / 1000
  const off = offsetOf(facts, now)
  const made = facts.iat === undefined ? '' : `iat ${moment(facts.iat)}`
  const ends = facts.exp === undefined ? '' : `exp ${moment(facts.exp)}`
  const begins = facts.nbf === undefined ? '' : `nbf ${moment(facts.nbf)}`
  const ahead = off > 0
  return {
    cause: ahead ? 'clock-ahead' : 'clock-behind',
    summary: `The ${what} is ${Math.abs(off)} seconds ${ahead ? 'ahead of' : 'behind'} the time here.`,
    sent: [made, begins, ends].filter(Boolean).join(', '),
    expected: `a time near ${moment(now)}${what === 'DPoP proof' ? `, at most ${PROOF_SECONDS} seconds from it` : ''}`,
    change: ahead
      ? 'Set the clock of the client right (NTP); make the token when it is sent.'
      : `Make a new ${what} for each request; if it was new, set the clock of the client right (NTP).`,
    standard,
  }
}

/** Seconds by which the token is ahead (more than 0) or too old. */
function offsetOf({ iat, exp, nbf }: JwtFacts, now: number): number {
  if (nbf !== undefined && nbf > now) return Math.round(nbf - now)
  if (iat !== undefined && iat > now) return Math.round(iat - now)
  if (exp !== undefined && exp <= now) return -Math.max(1, Math.round(now - exp))
  return -Math.max(1, Math.round(now - (iat ?? now)))
}

/** A number from outside may be no time at all. */
function moment(seconds: number): string {
  const date = new Date(Math.round(seconds * 1000))
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString().replace('.000Z', 'Z')
}

export const clockRules: readonly Rule[] = [assertion, proof, requestObject]
