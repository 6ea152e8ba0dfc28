/** Part of a commit (`commit-sections.ts`): an application that registers uses its token up by one, or is not there. */
import type { Section } from './commit-sections.ts'
import type { Write } from './writes.ts'

export const ADMIT: Section = {
  columns: [['id', 'text']],
  row: (write) => [(write as Extract<Write, { kind: 'admit' }>).id],
  sql: (from, standing) => `admitted as (
      update initial_access_tokens t set uses_left = t.uses_left - 1, clients = t.clients + 1, used_at = now()
      from ${from} where t.id = x.id and t.revoked_at is null
        and (t.expires_at is null or t.expires_at > now())
        and (t.uses_left is null or t.uses_left > 0)
        and (t.max_clients is null or t.clients < t.max_clients)
        and ${standing} returning x.unit)`,
  lost: (from) =>
    `select x.unit, 'InitialAccessToken' as cause from ${from} where x.unit not in (select unit from admitted)`,
}
