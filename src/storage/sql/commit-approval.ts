/** Parts of a commit (`commit-sections.ts`): what a person allowed an application, and what is done about it later. */
import type { Section } from './commit-sections.ts'
import { MERGED } from './repositories/consents.ts'
import type { Write } from './writes.ts'

const list = (column: string) => `array(select jsonb_array_elements_text(x.${column}::jsonb))`

/** A condition, so that it is done before the grant is written that stands on it (migration `ending_access`). */
export const CONSENT: Section = {
  columns: [
    ['user_id', 'text'],
    ['client_id', 'text'],
    ['scopes', 'text'],
    ['claims', 'text'],
    ['resources', 'text'],
  ],
  row: (write) => {
    const { userId, clientId, scopes, claims, resources } = write as Extract<Write, { kind: 'consent' }>
    return [userId, clientId, scopes, claims, resources]
  },
  sql: (from, standing) => `consented as (
      insert into consents (user_id, client_id, scopes, claims, resources)
      select x.user_id, x.client_id, ${list('scopes')}, ${list('claims')}, x.resources::jsonb
      from ${from} where ${standing}
      ${MERGED} returning user_id, client_id)`,
  lost: (from) => `select x.unit, 'ReplayDetection' as cause from ${from}
      where (x.user_id, x.client_id) not in (select user_id, client_id from consented)`,
}

export const OUTBOX: Section = {
  columns: [['job', 'text']],
  row: (write) => [(write as Extract<Write, { kind: 'outbox' }>).job],
  sql: (from, standing) => `enqueued as (
      insert into outbox (job) select x.job::jsonb from ${from} where ${standing})`,
}
