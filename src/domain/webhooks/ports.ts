/** What webhooks need from the store. */
import type { PageOf, PageQuery } from '../directory/directory.ts'
import type { Delivery, Webhook, WebhookChanges, WebhookSecrets, WebhookSettings } from './webhook.ts'

export interface Attempt {
  state: Delivery['state']
  status?: number | undefined
  latencyMs?: number | undefined
  error?: string | undefined
}

export interface WebhookRepository {
  list(): Promise<Webhook[]>
  find(id: string): Promise<Webhook | undefined>
  insert(id: string, settings: WebhookSettings, secrets: WebhookSecrets): Promise<void>
  /**
   * Compare-and-set. False: there is no such endpoint in this version (any version: undefined). Enabling forgets how it went.
   */
  change(id: string, version: number | undefined, changes: WebhookChanges, because?: string): Promise<boolean>
  /** With its deliveries. False: there was none. */
  delete(id: string): Promise<boolean>
  /** In a transaction: locked. */
  secrets(id: string): Promise<WebhookSecrets | undefined>
  setSecrets(id: string, secrets: WebhookSecrets): Promise<void>
  delivery(id: string): Promise<Delivery | undefined>
  /** Newest first. */
  deliveries(
    query: PageQuery & { webhookId: string; state?: Delivery['state'] | undefined },
  ): Promise<PageOf<Delivery>>
  /** A test, due now. Returns its id. */
  addTest(webhookId: string, type: string): Promise<string>
  /** Writes down how a try went, and what it says of the endpoint. */
  tried(delivery: Delivery, attempt: Attempt): Promise<void>
  /** Whether it has failed for so long, without a success. */
  failsFor(id: string, days: number): Promise<boolean>
  /** Makes deliveries that failed due again: one, or all since. Returns how many. */
  replay(webhookId: string, which: { deliveryId: string } | { since: Date }): Promise<number>
}
