/**
 * What is written with a session: the family that its ids belong to as they follow each other, with the grants that end
 * with it. And what need not be written at all.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ArtifactPayload } from '../artifact-store.ts'
import type { ArtifactRow } from './artifact-rows.ts'
import type { Write } from './writes.ts'

export type FamilyWrite = Extract<Write, { kind: 'family' }>

interface Authorization {
  grantId?: string
  persistsLogout?: boolean
}

/** A session whose only change is that it lives this much of its lifetime longer is not written. */
const NEGLIGIBLE = 0.01

/**
 * A grant with offline_access outlives the session.
 * @param its `read`: the authorizations this request found, as JSON; undefined where it did not look
 * @param keysOf under which keys a grant may be stored
 */
export function familyOf(
  payload: ArtifactPayload,
  its: {
    key: Buffer
    account: string
    ttl: number | null
    replace: boolean
    read: string | null | undefined
  },
  keysOf: (grantId: string) => readonly Buffer[],
): FamilyWrite {
  const authorizations = (payload.authorizations ?? {}) as Record<string, Authorization>
  const before = its.read === undefined ? undefined : (JSON.parse(its.read ?? '{}') as typeof authorizations)
  const gone = Object.keys(before ?? {}).filter((id) => !authorizations[id])
  const grants = (lasting: boolean) =>
    Object.values(authorizations)
      .filter((it) => it.grantId && (it.persistsLogout === true) === lasting)
      .flatMap((it) => keysOf(String(it.grantId)).map((key) => key.toString('hex')))
  return {
    kind: 'family',
    uid: its.key,
    account: its.account,
    ttl: its.ttl,
    authorizations: JSON.stringify(authorizations),
    grants: JSON.stringify(grants(false)),
    expected: JSON.stringify(before ? replacedGrants(authorizations, before) : {}),
    ...(its.replace
      ? { taken: { clients: JSON.stringify(gone), grants: JSON.stringify(grants(true)) } }
      : {}),
  }
}

/**
 * The engine lets a token live only under the grant that the session has for its client. Of two requests that each made
 * one, the second must therefore find the first's.
 */
function replacedGrants(
  authorizations: Record<string, Authorization>,
  before: Record<string, Authorization>,
): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(authorizations)
      .filter(([client, { grantId }]) => grantId !== before[client]?.grantId)
      .map(([client]) => [client, before[client]?.grantId ?? null]),
  )
}

/** Whether the session would only live a little longer than it does. */
export function isOnlyUsed(before: ArtifactRow, ttl: number | null): boolean {
  if (before.seconds_left === null || ttl === null || before.successor) return false
  return Math.abs(ttl - before.seconds_left) <= ttl * NEGLIGIBLE
}

export function isSameSession(before: ArtifactPayload, after: ArtifactPayload): boolean {
  return isDeepStrictEqual(lasting(before), lasting(after))
}

/** The payload without what changes at every write. */
function lasting({ jti: _, iat: _iat, exp: _exp, ...rest }: ArtifactPayload): object {
  return JSON.parse(JSON.stringify(rest))
}
