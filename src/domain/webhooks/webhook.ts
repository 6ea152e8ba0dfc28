/** Endpoints that are told of audit events, in the form of Standard Webhooks (https://www.standardwebhooks.com). Pure. */
import type { AuditRecord } from '../directory/directory.ts'
import type { FieldProblems } from '../errors.ts'

export interface WebhookSettings {
  url: string
  /** `*`, all of a group (`user.*`), or the name of one */
  events: readonly string[]
  description: string
  /** is told addresses, browsers and e-mail addresses, too */
  personal: boolean
}

export interface Webhook extends WebhookSettings {
  id: string
  enabled: boolean
  /** why Ostiary itself stopped calling it */
  disabledBecause: string | undefined
  failingSince: Date | undefined
  createdAt: Date
  updatedAt: Date
  version: number
}

export type WebhookChanges = Partial<WebhookSettings> & { enabled?: boolean }

/** `whsec_…` each; the one before counts for a while, so that a receiver can change over. */
export interface WebhookSecrets {
  current: string
  previous?: { secret: string; until: string }
}

/** One event for one endpoint; `id` is the `webhook-id` of every try. */
export interface Delivery {
  id: string
  webhookId: string
  /** undefined: a test */
  eventId: string | undefined
  type: string
  state: 'waiting' | 'delivered' | 'failed'
  attempts: number
  /** of the last answer */
  status: number | undefined
  latencyMs: number | undefined
  error: string | undefined
  createdAt: Date
  triedAt: Date | undefined
}

export const TEST_TYPE = 'webhook.test'
/** hours that the secret before is signed with, too */
export const SECRET_OVERLAP_HOURS = 24
/** An endpoint that has failed for so long without a success is left alone. */
export const FAILING_DAYS = 3

const EVENTS = /^(\*|[a-z_]{1,40}\.(\*|[a-z_]{1,40}))$/

export function problemsOf({ url, events, description }: Partial<WebhookSettings>): FieldProblems {
  const faults: FieldProblems = {}
  if (url !== undefined && (url.length > 1000 || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')))
    faults.url = { code: 'invalid_url' }
  if (
    events !== undefined &&
    (events.length === 0 || events.length > 100 || !events.every((name) => EVENTS.test(name)))
  )
    faults.events = { code: 'invalid_events' }
  if (description !== undefined && description.length > 200) faults.description = { code: 'too_long' }
  return faults
}

/** What is signed and sent. `data.id` rises with time: who wants an order puts them by it. */
export function payloadOf(record: AuditRecord, { personal }: Pick<Webhook, 'personal'>): string {
  const { id, name, at, outcome, userId, clientId, requestId, detail } = record
  const identifying = { ip: record.ip, user_agent: record.userAgent, personal: record.personal }
  return JSON.stringify({
    type: name,
    timestamp: at.toISOString(),
    data: {
      ...{ id, outcome, user_id: userId, client_id: clientId, request_id: requestId, detail },
      ...(personal ? identifying : {}),
    },
  })
}

export function testPayload(at: Date): string {
  return JSON.stringify({ type: TEST_TYPE, timestamp: at.toISOString(), data: {} })
}

/** The secrets that count now, the current one first. */
export function liveSecrets({ current, previous }: WebhookSecrets, now: Date): string[] {
  return previous && new Date(previous.until) > now ? [current, previous.secret] : [current]
}
