/** Webhooks as work of the outbox: each endpoint by itself, one at a time, so that a slow one keeps only its own waiting. */
import { NoticeError } from '../domain/access/notice-error.ts'
import type { WebhookDelivery } from '../domain/outbox.ts'
import { MOST_ATTEMPTS } from '../domain/webhooks/delivery.ts'
import type { OutboxWorkerOptions, Work } from './outbox-worker.ts'

export const WEBHOOK_OPTIONS: Partial<OutboxWorkerOptions> = {
  concurrency: 8,
  leaseSeconds: 60,
  pollMs: 1000,
  lastRetrySeconds: 4 * 3600,
  maxAttempts: MOST_ATTEMPTS,
}

/** @param send tries one; throws `NoticeError` */
export function webhookWork(
  send: (job: WebhookDelivery, attempts: number) => Promise<void>,
): Work<'webhook'> {
  return {
    kind: 'webhook',
    run: ({ job, attempts }) => send(job, attempts),
    judge: (error) =>
      error instanceof NoticeError && error.failure !== 'temporary' ? 'permanent' : 'temporary',
    probe: async () => true,
    laneOf: ({ job }) => job.webhookId,
    factsOf: ({ job }) => ({ job: job.kind, webhook: job.webhookId, delivery: job.deliveryId }),
    words: {
      reading: 'the outbox of webhooks',
      doing: 'calling webhooks',
      givenUp: 'a webhook could not be told of an event',
      again: 'a webhook will be told of an event later',
      unrecorded: 'a finished webhook could not be recorded',
    },
  }
}
