/** The closed list of security events. One record each; no secret and no password ever in `detail`. */
export type AuditEventName =
  | 'user.registration_begun'
  | 'user.registered'
  | 'user.email_verified'
  | 'user.password_changed'
  | 'user.signed_in'
  | 'user.sign_in_failed'
  | 'user.sign_in_throttled'
  | 'user.signed_out'
  | 'user.signed_out_everywhere'
  | 'user.disabled'
  | 'user.enabled'
  | 'user.deletion_begun'
  | 'user.restored'
  | 'user.deleted'
  | 'user.invited'
  | 'user.reset_forced'
  | 'user.created'
  | 'user.updated'
  | 'user.imported'
  | 'users.imported'
  | 'users.exported'
  | 'user.exported'
  | 'role.given'
  | 'role.taken'
  | 'role.created'
  | 'role.updated'
  | 'role.deleted'
  | 'application_role.created'
  | 'application_role.updated'
  | 'application_role.deleted'
  | 'application_role.given'
  | 'application_role.taken'
  | 'client.api_access_changed'
  | 'outbox.replayed'
  | 'outbox.discarded'
  | 'session.ended'
  | 'user.reset_requested'
  | 'consent.granted'
  | 'consent.denied'
  | 'consent.withdrawn'
  | 'client.registered'
  | 'client.updated'
  | 'client.deleted'
  | 'client.created'
  | 'client.secret_replaced'
  | 'client.secret_revoked'
  | 'client.disabled'
  | 'client.enabled'
  | 'initial_access_token.created'
  | 'initial_access_token.revoked'
  | 'grant.revoked'
  | 'resource_server.created'
  | 'resource_server.updated'
  | 'resource_server.disabled'
  | 'resource_server.enabled'
  | 'resource_server.deleted'
  | 'token.exchanged'
  | 'setup.completed'
  | 'keys.rotated'
  | 'signing_key.added'
  | 'signing_key.promoted'
  | 'signing_key.retiring'
  | 'signing_key.retired'
  | 'signing_key.revoked'
  | 'audit.pruned'
  | 'audit.exported'
  | 'webhook.created'
  | 'webhook.updated'
  | 'webhook.deleted'
  | 'webhook.disabled'
  | 'webhook.secret_rotated'
  | 'webhook.tested'
  | 'webhook.replayed'
  | 'system.backed_up'
  | 'system.restored'
  | 'configuration.applied'
  | 'authorization_type.saved'

export interface AuditEvent {
  name: AuditEventName
  outcome: 'success' | 'failure'
  /** whom it is about, who did it, too, unless `by` says otherwise */
  userId?: string | undefined
  clientId?: string | undefined
  request: RequestFacts | undefined
  /** small, non-secret facts that identify nobody but by id; `by`: on whose behalf, if not on `userId`'s own */
  detail?: Record<string, string | number | boolean>
  /** what identifies `userId` (an address, a name): nobody can read it once they are gone */
  personal?: Record<string, string>
}

/** Whose request it was, and so whose address and browser; undefined: nobody's that is known. */
export function requesterOf({
  userId,
  detail,
}: Pick<AuditEvent, 'userId'> & { detail?: Record<string, unknown> }): string | undefined {
  const by = String(detail?.by)
  // A program that acts on its own account is nobody, whoever it acts upon.
  if (by.startsWith('client:')) return undefined
  return isPerson(by) ? by : userId
}

/** An id of ours, or a UUID: that of somebody who was imported. Tools and applications have neither (see `Actor`). */
export function isPerson(by: string): boolean {
  return by.startsWith('usr_') || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(by)
}

/** Where a request came from, as data. */
export interface RequestFacts {
  id: string
  ip: string
  userAgent: string | undefined
}
