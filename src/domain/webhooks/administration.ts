/** Endpoints as administrators make and change them. Each operation is one transaction with its audit record. */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import { DomainError, InvalidInput } from '../errors.ts'
import { isWithin } from '../permissions/permissions.ts'
import type { Clock, Database, Repositories } from '../ports.ts'
import {
  problemsOf,
  SECRET_OVERLAP_HOURS,
  TEST_TYPE,
  type Webhook,
  type WebhookChanges,
  type WebhookSettings,
} from './webhook.ts'

export interface WebhookAdministrationDeps {
  database: Pick<Database, 'transaction'>
  clock: Clock
  newId: () => string
  /** `whsec_…` */
  newSecret: () => string
  /** why the address may not be called; undefined: it may */
  refusal(url: string): Promise<string | undefined>
  /** after something was made due */
  soon: () => void
}

export class WebhookAdministration {
  readonly #deps: WebhookAdministrationDeps

  constructor(deps: WebhookAdministrationDeps) {
    this.#deps = deps
  }

  /** @throws InvalidInput, `forbidden` */
  async create(settings: WebhookSettings, actor: Actor): Promise<{ webhook: Webhook; secret: string }> {
    assertMayRead(actor)
    await this.#check(settings)
    const [id, secret] = [this.#deps.newId(), this.#deps.newSecret()]
    const { url, events, personal } = settings
    const facts = { url: originOf(url), events: events.join(' '), personal }
    const webhook = await this.#record('webhook.created', id, actor, facts, async ({ webhooks }) => {
      await webhooks.insert(id, settings, { current: secret })
    })
    return { webhook, secret }
  }

  /** @throws InvalidInput, `not_found`, `stale`, `forbidden` */
  async update(
    id: string,
    version: number | undefined,
    changes: WebhookChanges,
    actor: Actor,
  ): Promise<Webhook> {
    assertMayRead(actor)
    await this.#check(changes)
    const facts = Object.fromEntries(
      Object.entries(changes).map(([name, value]) => [
        name,
        name === 'url' ? originOf(String(value)) : Array.isArray(value) ? value.join(' ') : String(value),
      ]),
    )
    return this.#record('webhook.updated', id, actor, facts, async ({ webhooks }) => {
      if (!(await webhooks.change(id, version, changes)))
        throw new DomainError((await webhooks.find(id)) ? 'stale' : 'not_found')
    })
  }

  /** What waits for it is not sent any more. Throws `not_found`. */
  async delete(id: string, { by, request }: Actor): Promise<void> {
    await this.#deps.database.transaction(async ({ webhooks, audit }) => {
      if (!(await webhooks.delete(id))) throw new DomainError('not_found')
      await audit.append({
        name: 'webhook.deleted',
        outcome: 'success',
        request,
        detail: { by, webhook: id },
      })
    })
  }

  /** The secret before counts for another day. Throws `not_found`. */
  async rotateSecret(id: string, actor: Actor): Promise<{ secret: string; previousUntil: Date }> {
    const { clock, newSecret } = this.#deps
    const secret = newSecret()
    const previousUntil = new Date(clock.now().getTime() + SECRET_OVERLAP_HOURS * 3_600_000)
    await this.#record('webhook.secret_rotated', id, actor, {}, async ({ webhooks }) => {
      const secrets = await webhooks.secrets(id)
      if (!secrets) throw new DomainError('not_found')
      const previous = { secret: secrets.current, until: previousUntil.toISOString() }
      await webhooks.setSecrets(id, { current: secret, previous })
    })
    return { secret, previousUntil }
  }

  /** Sends something that means nothing. Returns the delivery's id. Throws `not_found`. */
  async test(id: string, actor: Actor): Promise<string> {
    let delivery = ''
    await this.#record('webhook.tested', id, actor, {}, async ({ webhooks }) => {
      if (!(await webhooks.find(id))) throw new DomainError('not_found')
      delivery = await webhooks.addTest(id, TEST_TYPE)
    })
    return delivery
  }

  /** Sends once more what failed: one delivery, or all since. Throws `not_found`. */
  async replay(id: string, which: { deliveryId: string } | { since: Date }, actor: Actor): Promise<number> {
    let count = 0
    await this.#record('webhook.replayed', id, actor, {}, async ({ webhooks }) => {
      if (!(await webhooks.find(id))) throw new DomainError('not_found')
      count = await webhooks.replay(id, which)
      if (count === 0 && 'deliveryId' in which) throw new DomainError('not_found')
    })
    return count
  }

  async #check(settings: Partial<WebhookSettings>): Promise<void> {
    const faults = problemsOf(settings)
    if (settings.url !== undefined && !faults.url) {
      const because = await this.#deps.refusal(settings.url)
      if (because !== undefined) faults.url = { code: 'refused', params: { because } }
    }
    if (Object.keys(faults).length > 0) throw new InvalidInput(faults)
  }

  async #record(
    name: AuditEventName,
    id: string,
    { by, request }: Actor,
    facts: Record<string, string | boolean>,
    change: (repositories: Repositories) => Promise<void>,
  ): Promise<Webhook> {
    const webhook = await this.#deps.database.transaction(async (repositories) => {
      await change(repositories)
      const detail = { by, webhook: id, ...facts }
      await repositories.audit.append({ name, outcome: 'success', request, detail })
      return repositories.webhooks.find(id)
    })
    if (!webhook) throw new DomainError('not_found')
    this.#deps.soon()
    return webhook
  }
}

/** In a path or query stands what proves that we may call: nothing for a record, which other endpoints and files get too. */
export function originOf(url: string): string {
  return new URL(url).origin
}

/** An endpoint is told what the record says: who could not read it must not have it sent to them. */
function assertMayRead({ may }: Actor): void {
  if (!isWithin(may, ['audit:read']))
    throw new DomainError('forbidden', {
      detail: 'A webhook is told what the audit record says: the permission audit:read is needed, too',
    })
}
