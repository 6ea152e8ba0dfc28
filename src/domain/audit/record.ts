/** The record of what was done on somebody's behalf, written in the transaction that does it. */
import type { Actor } from '../access/service.ts'
import type { Repositories } from '../ports.ts'
import type { AuditEvent, AuditEventName } from './events.ts'

/** @param about whom or what it was done to */
export function record(
  { audit }: Pick<Repositories, 'audit'>,
  name: AuditEventName,
  about: Pick<AuditEvent, 'userId' | 'clientId' | 'personal'>,
  { by, request }: Actor,
  facts: AuditEvent['detail'] = {},
): Promise<void> {
  return audit.append({ name, outcome: 'success', ...about, request, detail: { by, ...facts } })
}
