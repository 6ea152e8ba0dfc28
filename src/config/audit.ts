/** How long audit records are kept, and where else they go. Pure. */
import type { Config } from './config.ts'
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'

export function auditOf(settings: Settings): Config['audit'] {
  return {
    days: {
      activity: settings.AUDIT_ACTIVITY_DAYS ?? 90,
      administration: settings.AUDIT_ADMINISTRATION_DAYS ?? 400,
      security: settings.AUDIT_SECURITY_DAYS ?? 730,
    },
    stream:
      settings.AUDIT_STREAM === undefined
        ? undefined
        : { name: settings.AUDIT_STREAM, length: settings.AUDIT_STREAM_LENGTH ?? 100_000 },
  }
}

export function checkAudit({ AUDIT_STREAM: stream, REDIS_URL: redis }: Settings, faults: Fault[]): void {
  if (stream !== undefined && redis === undefined)
    faults.push({ name: 'AUDIT_STREAM', problem: 'needs REDIS_URL: it names a stream there' })
}
