/** How long records of events are kept: by class, so that what is written at every sign-in need not stay as long as the rest. */
import type { AuditEventName } from './events.ts'

export const AUDIT_CLASSES = ['activity', 'administration', 'security'] as const
export type AuditClass = (typeof AUDIT_CLASSES)[number]

/** Days for each class; 0: for ever. */
export type AuditRetentionDays = Readonly<Record<AuditClass, number>>

/** What people do every day. */
const ACTIVITY: readonly AuditEventName[] = [
  'user.registration_begun',
  'user.signed_in',
  'user.sign_in_failed',
  'user.sign_in_throttled',
  'user.signed_out',
  'user.reset_requested',
  'consent.granted',
  'consent.denied',
  'consent.withdrawn',
  'grant.revoked',
  'token.exchanged',
]

/** Who may what, and what proves it: asked for long after. */
const SECURITY: readonly AuditEventName[] = [
  'setup.completed',
  'role.given',
  'role.taken',
  'role.created',
  'role.updated',
  'role.deleted',
  'application_role.given',
  'application_role.taken',
  'client.api_access_changed',
  'user.password_changed',
  'user.disabled',
  'user.enabled',
  'user.deleted',
  'client.secret_replaced',
  'client.secret_revoked',
  'webhook.created',
  'webhook.secret_rotated',
  'initial_access_token.created',
  'initial_access_token.revoked',
  'keys.rotated',
  'signing_key.added',
  'signing_key.promoted',
  'signing_key.retiring',
  'signing_key.retired',
  'signing_key.revoked',
  'audit.pruned',
  'audit.exported',
  'users.exported',
  'system.restored',
]

/** Names of events: those that are listed, or all but those. */
export interface EventNames {
  names: readonly string[]
  listed: boolean
}

/** An event that nobody thought about is administration. */
export function namesOf(kind: AuditClass): EventNames {
  if (kind === 'administration') return { names: [...ACTIVITY, ...SECURITY], listed: false }
  return { names: kind === 'activity' ? ACTIVITY : SECURITY, listed: true }
}

/** The longest; undefined: something is kept for ever. */
export function longestOf(days: AuditRetentionDays): number | undefined {
  const all = Object.values(days)
  return all.includes(0) ? undefined : Math.max(...all)
}
