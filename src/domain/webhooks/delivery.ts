/**
 * One try to tell an endpoint of one event. At least once, in no order that is promised: who must not do a thing twice
 * looks at `webhook-id`, which is the same for every try.
 */
import { NoticeError } from '../access/notice-error.ts'
import type { WebhookDelivery } from '../outbox.ts'
import type { Clock, Database } from '../ports.ts'
import type { Attempt } from './ports.ts'
import { type Delivery, FAILING_DAYS, liveSecrets, payloadOf, testPayload, type Webhook } from './webhook.ts'

/** About three days: 5 s, twice as long each time up to four hours. */
export const MOST_ATTEMPTS = 29

export interface DeliveryDeps {
  database: Pick<Database, 'webhooks' | 'trail' | 'transaction'>
  clock: Clock
  /** milliseconds */
  elapsed: () => number
  /** `v1,…` */
  sign(secret: string, id: string, timestamp: number, body: string): string
  /** Posts and answers with the status. Throws NoticeError. */
  send(url: string, headers: Record<string, string>, body: string): Promise<number>
  /** told when an endpoint is left alone from now on */
  onDisabled(webhook: Webhook, because: string): void
}

/** @throws NoticeError when it has to be tried again, or no try will help */
export async function deliver(deps: DeliveryDeps, job: WebhookDelivery, attempts: number): Promise<void> {
  const { webhooks } = deps.database
  const [delivery, webhook] = await Promise.all([
    webhooks.delivery(job.deliveryId),
    webhooks.find(job.webhookId),
  ])
  // Deleted meanwhile.
  if (!delivery || !webhook) return
  const failed = (error: string) => webhooks.tried(delivery, { state: 'failed', error })
  if (!webhook.enabled) return failed('the endpoint is disabled')
  const body = await bodyOf(deps, delivery, webhook)
  if (body === undefined) return failed('the record is no longer kept')
  const started = deps.elapsed()
  const note = (attempt: Attempt) =>
    webhooks.tried(delivery, { ...attempt, latencyMs: Math.round(deps.elapsed() - started) })
  const again = attempts < MOST_ATTEMPTS ? 'waiting' : 'failed'
  let status: number
  try {
    status = await deps.send(webhook.url, await headersOf(deps, delivery.id, webhook.id, body), body)
  } catch (error) {
    const { failure = 'temporary', message } = error as Partial<NoticeError>
    const shown = error instanceof NoticeError ? String(message) : 'it could not be sent'
    await note({ state: failure === 'permanent' ? 'failed' : again, error: shown })
    await disableIfHopeless(deps, webhook)
    throw error
  }
  if (status >= 200 && status < 300) return note({ state: 'delivered', status })
  if (status === 410) {
    await note({ state: 'failed', status })
    return disable(deps, webhook, 'it answered 410 Gone')
  }
  await note({ state: again, status })
  await disableIfHopeless(deps, webhook)
  throw new NoticeError('temporary', `the endpoint answered ${status}`)
}

async function bodyOf(deps: DeliveryDeps, delivery: Delivery, webhook: Webhook): Promise<string | undefined> {
  if (delivery.eventId === undefined) return testPayload(delivery.createdAt)
  const [record] = await deps.database.trail.byIds([delivery.eventId])
  return record && payloadOf(record, webhook)
}

async function headersOf(
  { database, clock, sign }: DeliveryDeps,
  id: string,
  webhookId: string,
  body: string,
) {
  const now = clock.now()
  const timestamp = Math.floor(now.getTime() / 1000)
  const secrets = await database.webhooks.secrets(webhookId)
  const live = secrets ? liveSecrets(secrets, now) : []
  return {
    'content-type': 'application/json',
    'user-agent': 'Ostiary-Webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': live.map((secret) => sign(secret, id, timestamp, body)).join(' '),
  }
}

async function disableIfHopeless(deps: DeliveryDeps, webhook: Webhook): Promise<void> {
  if (await deps.database.webhooks.failsFor(webhook.id, FAILING_DAYS))
    await disable(deps, webhook, `it failed for ${FAILING_DAYS} days`)
}

async function disable(deps: DeliveryDeps, webhook: Webhook, because: string): Promise<void> {
  const disabled = await deps.database.transaction(async ({ webhooks, audit }) => {
    // Somebody who changed it just now has looked at it.
    if (!(await webhooks.change(webhook.id, webhook.version, { enabled: false }, because))) return false
    await audit.append({
      ...{ name: 'webhook.disabled', outcome: 'success', request: undefined },
      detail: { by: 'ostiary', webhook: webhook.id, because },
    })
    return true
  })
  if (disabled) deps.onDisabled(webhook, because)
}
