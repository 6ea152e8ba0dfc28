/**
 * The mark of an audit record: a keyed hash over what it says, with a stamp that no other record has. Whoever can write
 * to the database, and nothing more, can neither make a record up nor put one in twice.
 */
import { randomBytes } from 'node:crypto'
import type { AtRest } from '../at-rest.ts'
import type { Hidden } from './audit-privacy.ts'
import type { AuditColumns } from './writes.ts'

const KIND = 'AuditEvent'
/**
 * Clocks may differ by this, and no record is taken away so young: whoever kept one that went by retention, whose stamp
 * is no longer in the table, cannot put it in again as something that happened now.
 */
const WRITTEN_WITHIN_MS = 12 * 3600 * 1000

export type Marked = AuditColumns & { stamp: string; mark: string } & Pick<Hidden, 'keys'>

export function marked(columns: AuditColumns & Pick<Hidden, 'keys'>, atRest: AtRest): Marked {
  const stamp = `${Date.now().toString(36)}.${randomBytes(16).toString('base64url')}`
  return { ...columns, stamp, mark: atRest.hashId(KIND, saying(columns, stamp)).toString('base64url') }
}

/** @param at when the database says that it was written, without the zone (UTC) */
export function isGenuine(columns: Omit<Marked, 'keys'>, at: string, atRest: AtRest): boolean {
  if (Date.parse(`${at}Z`) - madeAt(columns.stamp) > WRITTEN_WITHIN_MS) return false
  const text = saying(columns, columns.stamp)
  return atRest.idHashes(KIND, text).some((hash) => hash.toString('base64url') === columns.mark)
}

/** In milliseconds; stamps from before they said so: any time. */
function madeAt(stamp: string): number {
  const [, time] = /^([0-9a-z]{8,9})\./.exec(stamp) ?? []
  return time === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(time, 36)
}

/** What a record says, in one form, whichever way the database keeps it. */
export function saying(columns: AuditColumns, stamp: string | null): string {
  const { name, outcome, user_id, client_id, request_id, ip, user_agent, detail, sealed } = columns
  const stored = detail === null ? null : JSON.parse(detail)
  // Nothing but an object is ever written; what else somebody put there is digested as it stands.
  const isObject = typeof stored === 'object' && stored !== null
  const facts = isObject ? Object.entries(stored).sort(([a], [b]) => (a < b ? -1 : 1)) : detail
  const said = [stamp, name, outcome, user_id, client_id, request_id, ip, user_agent, facts]
  // Records from before anything was sealed say what they said.
  return JSON.stringify(sealed === null ? said : [...said, sealed])
}
