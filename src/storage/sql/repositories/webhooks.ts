/** Endpoints and what they were told. Whom to tell is written by the database itself (migration `webhooks`). */
import type { Knex } from 'knex'
import type { PageOf, PageQuery } from '../../../domain/directory/directory.ts'
import type { Attempt, WebhookRepository } from '../../../domain/webhooks/ports.ts'
import type {
  Delivery,
  Webhook,
  WebhookChanges,
  WebhookSecrets,
  WebhookSettings,
} from '../../../domain/webhooks/webhook.ts'
import type { AtRest } from '../../at-rest.ts'
import { cleaned, isStorable, orNull, orUndefined, toJson } from '../rows.ts'
import { placeOf, WEBHOOK_SECRET } from '../sealed-columns.ts'
import { inPages, pageOf } from './paging.ts'

const TOLD = `insert into outbox (job)
  select jsonb_build_object('kind', 'webhook', 'webhookId', webhook_id, 'deliveryId', id) from told`

export class SqlWebhooks implements WebhookRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async list(): Promise<Webhook[]> {
    return (await this.#knex('webhooks').orderBy(['created_at', 'id'])).map(webhookOf)
  }

  async find(id: string): Promise<Webhook | undefined> {
    if (!isStorable(id)) return undefined
    const row = await this.#knex('webhooks').where({ id }).first()
    return row && webhookOf(row)
  }

  async insert(id: string, settings: WebhookSettings, secrets: WebhookSecrets): Promise<void> {
    await this.#knex('webhooks').insert({ id, ...columnsOf(settings), sealed: this.#seal(id, secrets) })
  }

  async change(
    id: string,
    version: number | undefined,
    changes: WebhookChanges,
    because?: string,
  ): Promise<boolean> {
    if (!isStorable(id)) return false
    const query = this.#knex('webhooks').where({ id })
    if (version !== undefined) query.where({ version })
    const { enabled } = changes
    const health = enabled === undefined ? {} : { disabled_because: orNull(because), failing_since: null }
    const changed = await query.update({ ...columnsOf(changes), ...health, updated_at: this.#knex.fn.now() })
    return changed === 1
  }

  async delete(id: string): Promise<boolean> {
    return isStorable(id) && (await this.#knex('webhooks').where({ id }).delete()) === 1
  }

  async secrets(id: string): Promise<WebhookSecrets | undefined> {
    if (!isStorable(id)) return undefined
    const query = this.#knex('webhooks').where({ id })
    const row = await (this.#knex.isTransaction ? query.forUpdate() : query).first('sealed')
    return row && JSON.parse(this.#atRest.open(placeOf(WEBHOOK_SECRET, id), row.sealed))
  }

  async setSecrets(id: string, secrets: WebhookSecrets): Promise<void> {
    await this.#knex('webhooks')
      .where({ id })
      .update({ sealed: this.#seal(id, secrets) })
  }

  async delivery(id: string): Promise<Delivery | undefined> {
    const row: Row | undefined = await this.#knex('webhook_deliveries').where({ id }).first()
    return row && deliveryOf(row)
  }

  async deliveries(
    query: PageQuery & { webhookId: string; state?: Delivery['state'] | undefined },
  ): Promise<PageOf<Delivery>> {
    if (!isStorable(query.webhookId)) return { items: [], next: undefined }
    const deliveries = this.#knex('webhook_deliveries')
      .where({ webhook_id: query.webhookId, ...(query.state ? { state: query.state } : {}) })
      .select('*', this.#knex.raw('created_at::text as made'))
    const rows: Row[] = await inPages(
      deliveries,
      { by: 'created_at', type: 'timestamptz', descending: true },
      query,
    )
    return pageOf(rows, query, deliveryOf, ({ id, made }) => ({ key: String(made), id }))
  }

  async addTest(webhookId: string, type: string): Promise<string> {
    const { rows } = await this.#knex.raw(
      `with told as (insert into webhook_deliveries (webhook_id, type) values (?, ?) returning id, webhook_id),
        due as (${TOLD})
      select id from told`,
      [webhookId, type],
    )
    return rows[0].id
  }

  async tried({ id, webhookId }: Delivery, { state, status, latencyMs, error }: Attempt): Promise<void> {
    await this.#knex('webhook_deliveries')
      .where({ id })
      .update({
        ...{ state, status: orNull(status), latency_ms: orNull(latencyMs) },
        error: error === undefined ? null : cleaned(error, 300),
        attempts: this.#knex.raw('attempts + 1'),
        tried_at: this.#knex.fn.now(),
      })
    const worked = state === 'delivered'
    const webhook = this.#knex('webhooks').where({ id: webhookId, enabled: true })
    await (worked ? webhook.whereNotNull('failing_since') : webhook.whereNull('failing_since')).update({
      failing_since: worked ? null : this.#knex.fn.now(),
    })
  }

  async failsFor(id: string, days: number): Promise<boolean> {
    const row = await this.#knex('webhooks')
      .where({ id })
      .whereRaw('failing_since < now() - make_interval(days => cast(? as int))', [days])
      .first('id')
    return row !== undefined
  }

  async replay(webhookId: string, which: { deliveryId: string } | { since: Date }): Promise<number> {
    const [condition, value] =
      'since' in which
        ? ['created_at >= ?', which.since]
        : ['id = ?', isStorable(which.deliveryId) ? which.deliveryId : '']
    const { rows } = await this.#knex.raw(
      `with told as (
          update webhook_deliveries set state = 'waiting' where webhook_id = ? and state <> 'waiting'
            and ${'since' in which ? `state = 'failed' and` : ''} ${condition} returning id, webhook_id),
        due as (${TOLD})
      select count(*) as count from told`,
      [webhookId, value],
    )
    return Number(rows[0].count)
  }

  #seal(id: string, secrets: WebhookSecrets): Buffer {
    return this.#atRest.seal(placeOf(WEBHOOK_SECRET, id), JSON.stringify(secrets))
  }
}

interface Row {
  id: string
  webhook_id: string
  event_id: number | bigint | null
  type: string
  state: Delivery['state']
  attempts: number
  status: number | null
  latency_ms: number | null
  error: string | null
  created_at: Date
  tried_at: Date | null
  made: string
}

interface WebhookRow {
  id: string
  url: string
  events: string[]
  description: string
  personal: boolean
  enabled: boolean
  disabled_because: string | null
  failing_since: Date | null
  version: number | string
  created_at: Date
  updated_at: Date
}

function webhookOf(row: WebhookRow): Webhook {
  const { id, url, events, description, personal, enabled } = row
  return {
    ...{ id, url, events, description, personal, enabled },
    disabledBecause: orUndefined(row.disabled_because),
    failingSince: orUndefined(row.failing_since),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: Number(row.version),
  }
}

function deliveryOf(row: Row): Delivery {
  const { id, type, state, attempts } = row
  return {
    ...{ id, type, state, attempts, webhookId: row.webhook_id },
    eventId: row.event_id === null ? undefined : String(row.event_id),
    status: orUndefined(row.status),
    latencyMs: orUndefined(row.latency_ms),
    error: orUndefined(row.error),
    createdAt: row.created_at,
    triedAt: orUndefined(row.tried_at),
  }
}

function columnsOf({ url, events, description, personal, enabled }: WebhookChanges) {
  const columns = { url, events: events && toJson(events), description, personal, enabled }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}
