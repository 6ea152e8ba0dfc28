/** Part of the composition root: endpoints that are told of events. */

import { secureRandom } from './crypto/random.ts'
import { newWebhookSecret, signWebhook } from './crypto/webhook-signature.ts'
import { NoticeError } from './domain/access/notice-error.ts'
import type { Clock } from './domain/ports.ts'
import { originOf, WebhookAdministration } from './domain/webhooks/administration.ts'
import { deliver } from './domain/webhooks/delivery.ts'
import { OutboxWorker } from './jobs/outbox-worker.ts'
import { WEBHOOK_OPTIONS, webhookWork } from './jobs/webhook-work.ts'
import type { Logger } from './lib/log.ts'
import { OutboundError } from './outbound/error.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/choose.ts'

const TIMEOUT_MS = 10_000

export interface WebhookParts {
  storage: Pick<Storage, 'database'>
  outbound: Outbound
  clock: Clock
  log: Logger
}

export function webhookWorker({ storage, outbound, clock, log }: WebhookParts): OutboxWorker<'webhook'> {
  const { database } = storage
  const deps = {
    ...{ database, clock, sign: signWebhook, elapsed: () => performance.now() },
    send: (url: string, headers: Record<string, string>, body: string) => post(outbound, url, headers, body),
    onDisabled: ({ id, url }: { id: string; url: string }, because: string) =>
      log.error({ webhook: id, url: originOf(url), because }, 'a webhook is not called any more'),
  }
  const work = webhookWork((job, attempts) => deliver(deps, job, attempts))
  return new OutboxWorker({ outbox: database.outbox, work, logger: log }, WEBHOOK_OPTIONS)
}

/** @param soon after something was made due */
export function webhookAdministration(
  { storage, outbound, clock }: Omit<WebhookParts, 'log'>,
  soon: () => void = () => {},
): WebhookAdministration {
  return new WebhookAdministration({
    ...{ database: storage.database, clock, soon, newSecret: newWebhookSecret },
    newId: () => secureRandom.id('whk'),
    refusal: (url) => outbound.refusal(url),
  })
}

async function post(
  outbound: Outbound,
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<number> {
  try {
    const { status } = await outbound.fetch(url, { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS })
    return status
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    const failure = error.failure === 'refused' ? 'permanent' : 'temporary'
    throw new NoticeError(failure, error.message, error)
  }
}
