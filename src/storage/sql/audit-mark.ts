/**
 * The mark of an audit record: a keyed hash over what it says, with a stamp that no other record has. Whoever can write
 * to the database, and nothing more, can neither make a record up nor put one in twice.
 */
import { randomBytes } from 'node:crypto'
import type { AtRest } from '../at-rest.ts'
import type { Hidden } from './audit-privacy.ts'
import type { AuditColumns } from './writes.ts'

const KIND = 'AuditEvent'

export type Marked = AuditColumns & { stamp: string; mark: string } & Pick<Hidden, 'keys'>

export function marked(columns: AuditColumns & Pick<Hidden, 'keys'>, atRest: AtRest): Marked {
  const stamp = randomBytes(16).toString('base64url')
  return { ...columns, stamp, mark: atRest.hashId(KIND, saying(columns, stamp)).toString('base64url') }
}

export function isGenuine(columns: Omit<Marked, 'keys'>, atRest: AtRest): boolean {
  const text = saying(columns, columns.stamp)
  return atRest.idHashes(KIND, text).some((hash) => hash.toString('base64url') === columns.mark)
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
