/** How long audit records are kept, and where else they go. Pure. */
import type { Config } from './config.ts'
import type { Settings } from './schema.ts'

export function auditOf(settings: Settings): Config['audit'] {
  return {
    days: {
      activity: settings.AUDIT_ACTIVITY_DAYS ?? 90,
      administration: settings.AUDIT_ADMINISTRATION_DAYS ?? 400,
      security: settings.AUDIT_SECURITY_DAYS ?? 730,
    },
  }
}
