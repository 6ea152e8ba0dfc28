/** Audit records as they are written, by a commit (`commit-sections.ts`) and by a transaction (`repositories/audit.ts`). */
import type { Marked } from './audit-mark.ts'

const STORED = [
  'name',
  'outcome',
  'user_id',
  'client_id',
  'request_id',
  'detail',
  'sealed',
  'stamp',
  'mark',
] as const satisfies (keyof Marked)[]

/** The columns of a row of parameters, all of them text. */
export const AUDIT_COLUMNS = [...STORED, 'keys'] as const satisfies (keyof Marked)[]

/**
 * Two parts of a `with`. A key is stored once, and only while its person is there: a person who is being deleted at this
 * moment is waited for.
 * @param from the rows as a table `x`
 * @param standing condition on `x`
 */
export function auditSql(from: string, standing: string): string {
  return `audit_keyed as (
      insert into audit_person_keys (id, user_id, sealed)
      select distinct on (k.id) k.id, k.user_id, decode(k.sealed, 'base64')
      from ${from} cross join lateral jsonb_to_recordset(cast(x.keys as jsonb)) as k(id text, user_id text, sealed text)
      where ${standing} and not exists (select from audit_person_keys known where known.id = k.id)
        and (k.user_id is null or exists (select from users u where u.id = k.user_id for key share))
      on conflict (id) do nothing),
    audited as (
      insert into audit_events (${STORED.join(', ')})
      select ${STORED.map((column) => (column === 'detail' ? 'cast(x.detail as jsonb)' : `x.${column}`)).join(', ')}
      from ${from} where ${standing})`
}
