/** The closed list of what is done after it was accepted. A job names what it is about by id and holds no secret. */
import type { MailJob } from './mail.ts'

/** That a session ended is told to an application it was signed in to (OpenID Connect Back-Channel Logout 1.0). */
export interface LogoutNotice {
  kind: 'backchannel-logout'
  clientId: string
  accountId: string
  /** as the application knows the session */
  sid?: string
}

/** That the answer to what an application asked is there (CIBA Core 1.0 10.2). */
export interface ApprovalPing {
  kind: 'ciba-ping'
  clientId: string
  approvalId: string
}

/** That an event is told to an endpoint (Standard Webhooks). */
export interface WebhookDelivery {
  kind: 'webhook'
  webhookId: string
  deliveryId: string
}

export interface OutboxJobs {
  mail: MailJob
  'backchannel-logout': LogoutNotice
  'ciba-ping': ApprovalPing
  webhook: WebhookDelivery
}

export const OUTBOX_KINDS = [
  'mail',
  'backchannel-logout',
  'ciba-ping',
  'webhook',
] as const satisfies (keyof OutboxJobs)[]

export type OutboxKind = keyof OutboxJobs
