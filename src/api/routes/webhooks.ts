/** Endpoints that are told of events, for administrators. */
import { z } from 'zod'
import { DomainError } from '../../domain/errors.ts'
import type { Delivery, Webhook } from '../../domain/webhooks/webhook.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'
import { MOMENT } from '../schemas.ts'

const LIST = '/api/v1/admin/webhooks'
const ONE = `${LIST}/:id`
const tag = 'Webhooks'
const PARAMS = z.strictObject({ id: z.string().min(1).max(100) })

const WEBHOOK = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  personal: z.boolean(),
  enabled: z.boolean(),
  disabled_because: z.string().nullable().describe('why Ostiary itself stopped calling it'),
  failing_since: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
const DELIVERY = z.strictObject({
  id: z.string().describe('`webhook-id` of every try'),
  type: z.string(),
  event_id: z.string().nullable(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.number().int(),
  status: z.number().int().nullable().describe('of the last answer'),
  latency_ms: z.number().int().nullable(),
  error: z.string().nullable(),
  created_at: z.iso.datetime(),
  tried_at: z.iso.datetime().nullable(),
})
const SECRET = z.string().describe('`whsec_…`, shown this once')

const url = z.string().max(1000).describe('https, on the public internet or in OUTBOUND_ALLOW')
const events = z
  .array(z.string().max(100))
  .min(1)
  .max(100)
  .describe('`*`, all of a group (`user.*`), or names')
const description = z.string().max(200)
const personal = z.boolean().describe('tell it addresses, browsers and e-mail addresses, too')

export const webhookRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listWebhooks', tag, summary: 'All endpoints' },
    ...{
      input: {},
      output: z.strictObject({ items: z.array(WEBHOOK) }),
      errors: [],
      permission: 'webhooks:read',
    },
    handle: async (_call, { webhooks }) => ({ body: { items: (await webhooks.list()).map(webhookOf) } }),
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createWebhook', tag, status: 201, repeatable: true },
    summary: 'Tell an endpoint of events (Standard Webhooks); its secret is shown this once',
    input: {
      body: z.strictObject({
        url,
        events,
        description: description.default(''),
        personal: personal.default(false),
      }),
    },
    output: z.strictObject({ ...WEBHOOK.shape, secret: SECRET }),
    ...{ errors: [], permission: 'webhooks:write' },
    async handle({ body, by }, { webhooks }) {
      const { webhook, secret } = await webhooks.administration.create(body, by)
      return {
        body: { ...webhookOf(webhook), secret },
        version: webhook.version,
        location: `${LIST}/${webhook.id}`,
      }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: ONE, operation: 'readWebhook', tag, summary: 'Read one endpoint' },
    input: { params: PARAMS },
    ...{ output: WEBHOOK, errors: [], permission: 'webhooks:read' },
    async handle({ params }, { webhooks }) {
      const webhook = await webhooks.find(params.id)
      if (!webhook) throw new DomainError('not_found')
      return { body: webhookOf(webhook), version: webhook.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ONE, operation: 'updateWebhook', tag },
    summary: 'Change an endpoint, disable or enable it',
    input: {
      params: PARAMS,
      body: z.strictObject({ url, events, description, personal, enabled: z.boolean() }).partial(),
    },
    ...{ output: WEBHOOK, errors: [], permission: 'webhooks:write', conditional: true },
    async handle({ params, body, version, by }, { webhooks }) {
      const changes = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
      const webhook = await webhooks.administration.update(params.id, version, changes, by)
      return { body: webhookOf(webhook), version: webhook.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'deleteWebhook', tag },
    summary: 'Delete an endpoint with what waits for it',
    input: { params: PARAMS },
    ...{ output: undefined, errors: [], permission: 'webhooks:write' },
    async handle({ params, by }, { webhooks }) {
      await webhooks.administration.delete(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/secret`, operation: 'rotateWebhookSecret', tag, repeatable: true },
    summary: 'Another secret; for a day events are signed with both',
    input: { params: PARAMS },
    output: z.strictObject({ secret: SECRET, previous_until: z.iso.datetime() }),
    ...{ errors: [], permission: 'webhooks:write' },
    async handle({ params, by }, { webhooks }) {
      const { secret, previousUntil } = await webhooks.administration.rotateSecret(params.id, by)
      return { body: { secret, previous_until: previousUntil.toISOString() } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/test`, operation: 'testWebhook', tag, status: 202 },
    summary: 'Send something that means nothing; the delivery says how it went',
    input: { params: PARAMS },
    output: z.strictObject({ delivery: z.string() }),
    ...{ errors: [], permission: 'webhooks:write' },
    handle: async ({ params, by }, { webhooks }) => ({
      body: { delivery: await webhooks.administration.test(params.id, by) },
    }),
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ONE}/deliveries`, operation: 'listWebhookDeliveries', tag },
    summary: 'What it was told, newest first, for 30 days',
    input: {
      params: PARAMS,
      query: z.strictObject({ ...PAGE_QUERY, state: z.enum(['waiting', 'delivered', 'failed']).optional() }),
    },
    ...{ output: pageSchema(DELIVERY), errors: [], permission: 'webhooks:read' },
    async handle({ params, query }, { webhooks, sealer }) {
      if (!(await webhooks.find(params.id))) throw new DomainError('not_found')
      const read = (page: Omit<Parameters<typeof webhooks.deliveries>[0], 'webhookId'>) =>
        webhooks.deliveries({ ...page, webhookId: params.id, state: query.state })
      return { body: await paged(`deliveries:${params.id}`, query, sealer, read, deliveryOf) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/replay`, operation: 'replayWebhook', tag, status: 202 },
    summary: 'Send once more: one delivery, or all that failed since',
    input: {
      params: PARAMS,
      body: z
        .strictObject({
          delivery: z.string().min(1).max(100).optional(),
          since: MOMENT.optional(),
        })
        .refine(({ delivery, since }) => (delivery === undefined) !== (since === undefined), {
          message: 'must be given, and without `since`; or `since` without it',
          path: ['delivery'],
        }),
    },
    output: z.strictObject({ replayed: z.number().int() }),
    ...{ errors: [], permission: 'webhooks:write' },
    async handle({ params, body, by }, { webhooks }) {
      const { delivery: deliveryId = '', since } = body
      const which = since === undefined ? { deliveryId } : { since: new Date(since) }
      return { body: { replayed: await webhooks.administration.replay(params.id, which, by) } }
    },
  }),
]

export function webhookOf(webhook: Webhook): z.infer<typeof WEBHOOK> {
  const { id, url, events, description, personal, enabled } = webhook
  return {
    ...{ id, url, events: [...events], description, personal, enabled },
    disabled_because: webhook.disabledBecause ?? null,
    failing_since: webhook.failingSince?.toISOString() ?? null,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
  }
}

export function deliveryOf(delivery: Delivery): z.infer<typeof DELIVERY> {
  const { id, type, state, attempts } = delivery
  return {
    ...{ id, type, state, attempts, event_id: delivery.eventId ?? null, status: delivery.status ?? null },
    latency_ms: delivery.latencyMs ?? null,
    error: delivery.error ?? null,
    created_at: delivery.createdAt.toISOString(),
    tried_at: delivery.triedAt?.toISOString() ?? null,
  }
}
