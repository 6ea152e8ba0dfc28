/** `ostiary webhook`: endpoints that are told of events. What is made due here is sent by the running processes. */
import type { Command } from 'commander'
import { deliveryOf, webhookOf } from '../api/routes/webhooks.ts'
import { webhookAdministration } from '../app-webhooks.ts'
import { DomainError } from '../domain/errors.ts'
import type { WebhookAdministration } from '../domain/webhooks/administration.ts'
import type { Delivery, Webhook, WebhookChanges } from '../domain/webhooks/webhook.ts'
import { Outbound } from '../outbound/outbound.ts'
import { answers, UsageError } from './answer.ts'
import { confirmed } from './confirm.ts'
import { commaList, group, leaf, line, moment, timeOf, wholeNumber } from './leaf.ts'
import { CLI } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

export function webhookCommands(program: Command): void {
  const webhooks = group(program, 'webhook', 'endpoints that are told of events')
  leaf(webhooks, 'list', { summary: 'the endpoints there are', examples: ['webhook list'] }).action(
    answers(() =>
      withStorage(async ({ storage }) => {
        const items = await storage.database.webhooks.list()
        return {
          json: { items: items.map(webhookOf) },
          words: items.map(lineOf).join('\n') || 'There are none.',
        }
      }),
    ),
  )
  createCommand(webhooks)
  updateCommand(webhooks)
  for (const [word, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    leaf(webhooks, `${word} <id>`, {
      summary: enabled ? 'call an endpoint again' : 'call an endpoint no more; what waits for it is given up',
      examples: [`webhook ${word} whk_…`],
    }).action(
      answers((id: string) =>
        withWebhooks(async (service) => {
          const webhook = await service.update(id, undefined, { enabled }, CLI)
          return { json: webhookOf(webhook), words: lineOf(webhook) }
        }),
      ),
    )
  leaf(webhooks, 'delete <id>', {
    summary: 'delete an endpoint, with what waits for it',
    examples: ['webhook delete whk_… --yes'],
  })
    .option('--yes', 'do not ask')
    .action(
      answers(async (id: string, options: { yes?: boolean }) => {
        await confirmed(`${id} is deleted, with its secret and what waits for it.`, options)
        return withWebhooks(async (service) => {
          await service.delete(id, CLI)
          return { json: { id }, words: `${id} is deleted.` }
        })
      }),
    )
  leaf(webhooks, 'rotate-secret <id>', {
    summary: 'make another secret; for a day events are signed with both',
    examples: ['webhook rotate-secret whk_…'],
  }).action(
    answers((id: string) =>
      withWebhooks(async (service) => {
        const { secret, previousUntil } = await service.rotateSecret(id, CLI)
        const words = `${secret}\n\nIt is shown this once; the one before counts until ${moment(previousUntil)}.`
        return { json: { secret, previous_until: previousUntil }, words }
      }),
    ),
  )
  leaf(webhooks, 'test <id>', {
    summary: 'send an endpoint a test event, which means nothing',
    examples: ['webhook test whk_…'],
  }).action(
    answers((id: string) =>
      withWebhooks(async (service) => {
        const delivery = await service.test(id, CLI)
        return { json: { delivery }, words: `${delivery} is on its way: ostiary webhook deliveries ${id}` }
      }),
    ),
  )
  deliveriesCommand(webhooks)
  replayCommand(webhooks)
}

const EVENTS = '*, all of a group (user.*), or names'
const PERSONAL = 'tell it addresses, browsers and e-mail addresses, too'

interface Wish {
  events: string[]
  description: string
  personal?: boolean
}

function createCommand(webhooks: Command): void {
  leaf(webhooks, 'create <url>', {
    summary: 'tell an endpoint of events, and show its secret, once',
    examples: ['webhook create https://siem.example.org/ostiary --events "user.*,role.given"'],
  })
    .option('--events <list>', EVENTS, commaList, ['*'])
    .option('--description <words>', 'what it is for', '')
    .option('--personal', PERSONAL)
    .action(
      answers((url: string, { events, description, personal = false }: Wish) =>
        withWebhooks(async (service) => {
          const { webhook, secret } = await service.create({ url, events, description, personal }, CLI)
          const words = `${secret}\n\n${lineOf(webhook)}\nThe secret is shown this once.`
          return { json: { ...webhookOf(webhook), secret }, words }
        }),
      ),
    )
}

function updateCommand(webhooks: Command): void {
  leaf(webhooks, 'update <id>', {
    summary: 'change of an endpoint what the options name, and leave the rest',
    examples: ['webhook update whk_… --events "user.*" --no-personal'],
  })
    .option('--url <url>', 'where to')
    .option('--events <list>', EVENTS, commaList)
    .option('--description <words>', 'what it is for')
    .option('--personal', PERSONAL)
    .option('--no-personal', 'do not')
    .action(
      answers((id: string, { json: _, ...changes }: WebhookChanges & { json?: boolean }) => {
        if (Object.keys(changes).length === 0) throw new UsageError('Say what to change.')
        return withWebhooks(async (service) => {
          const webhook = await service.update(id, undefined, changes, CLI)
          return { json: webhookOf(webhook), words: lineOf(webhook) }
        })
      }),
    )
}

function deliveriesCommand(webhooks: Command): void {
  leaf(webhooks, 'deliveries <id>', {
    summary: 'what an endpoint was told, newest first',
    examples: ['webhook deliveries whk_… --failed'],
  })
    .option('--failed', 'only what was given up')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 200), 20)
    .action(
      answers((webhookId: string, { failed, limit }: { failed?: boolean; limit: number }) =>
        withStorage(async ({ storage }) => {
          if (!(await storage.database.webhooks.find(webhookId))) throw new DomainError('not_found')
          const state = failed ? ('failed' as const) : undefined
          const { items } = await storage.database.webhooks.deliveries({ webhookId, state, limit })
          return {
            json: { items: items.map(deliveryOf) },
            words: items.map(deliveryLine).join('\n') || 'Nothing.',
          }
        }),
      ),
    )
}

function replayCommand(webhooks: Command): void {
  leaf(webhooks, 'replay <id>', {
    summary: 'send once more what failed: --delivery, or all --since',
    examples: ['webhook replay whk_… --since 2026-11-20', 'webhook replay whk_… --delivery msg_…'],
  })
    .option('--since <time>', 'all that failed since (ISO 8601)', timeOf)
    .option('--delivery <id>', 'this one')
    .action(
      answers((id: string, { since, delivery: deliveryId }: { since?: Date; delivery?: string }) => {
        const which = deliveryId === undefined ? since && { since } : { deliveryId }
        if (which === undefined) throw new UsageError('say --delivery, or --since with a time')
        return withWebhooks(async (service) => {
          const replayed = await service.replay(id, which, CLI)
          return { json: { replayed }, words: `${replayed} will be sent once more.` }
        })
      }),
    )
}

function withWebhooks<T>(work: (service: WebhookAdministration) => Promise<T>): Promise<T> {
  return withStorage(({ config, storage }: Opened) => {
    const outbound = new Outbound({ allow: config.outboundAllow })
    return work(webhookAdministration({ storage, outbound, clock: { now: () => new Date() } }))
  })
}

function lineOf({ id, url, events, enabled, disabledBecause }: Webhook): string {
  const off = disabledBecause === undefined ? 'DISABLED' : `DISABLED: ${disabledBecause}`
  return line(id, url, events.join(','), enabled ? '' : off)
}

function deliveryLine({ id, type, state, attempts, status, error, createdAt }: Delivery): string {
  return line(moment(createdAt), id, type, state, `${attempts} tries`, status, error)
}
