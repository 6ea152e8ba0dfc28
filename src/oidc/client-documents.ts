/**
 * Clients by the document at their `client_id`. A row of `clients` is what has been read; it is read again when it has
 * run out and the application itself comes. Why not by the engine's own feature: docs/decisions/0031-documents-are-rows.md.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Client } from '../domain/clients/client.ts'
import { DOCUMENT_MAX, freshFor, isDocumentId, isHostListed, metadataOf } from '../domain/clients/document.ts'
import type { ClientDocument, ClientDocumentRepository, Clock } from '../domain/ports.ts'
import type { Logger } from '../lib/log.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { currentContext } from './context.ts'
import { validate } from './declared-clients.ts'
import { Unavailable } from './errors.ts'
import { checkRegistered } from './registered-metadata.ts'

export interface ClientDocumentsDeps {
  policy: { mode: 'off' | 'list' | 'open'; hosts: readonly string[] }
  /** origins that go without TLS because the operator listed them */
  plainOrigins: readonly string[]
  documents: ClientDocumentRepository
  outbound: Pick<Outbound, 'fetch'>
  clock: Clock
  log: Logger
  /** Counts a look at an address that nobody here has seen. Throws when there were too many. */
  admit: (ctx: KoaContextWithOIDC, host: string) => Promise<void>
  clientsChanged: () => void
  isUnavailable: (error: unknown) => boolean
}

/** Where an application says who it is; everywhere else what is known of it must do. */
const ITSELF = new Set(['authorization', 'pushed_authorization_request', 'device_authorization', 'token'])
/** How long (seconds) what was read last is good while its host cannot be reached. */
const OUTAGE = 24 * 3600
/** What failed is not tried again for so long. */
const PAUSE_MS = 60_000
const REMEMBERED = 1_000
const FETCH_MS = 2_500

export class ClientDocuments {
  readonly #deps: ClientDocumentsDeps
  readonly #pending = new Map<string, Promise<void>>()
  readonly #failed = new Map<string, { until: number; error: Error }>()

  constructor(deps: ClientDocumentsDeps) {
    this.#deps = deps
  }

  /** Whether there can be any at all. */
  get enabled(): boolean {
    const { mode, hosts } = this.#deps.policy
    return mode === 'open' || (mode === 'list' && hosts.length > 0)
  }

  /** Whether a document would be asked about this client, under today's policy. */
  concerns(id: string): boolean {
    const { policy, plainOrigins } = this.#deps
    if (!this.enabled || !isDocumentId(id, plainOrigins)) return false
    return policy.mode === 'open' || isHostListed(id, policy.hosts)
  }

  /**
   * The client as its document says, read now if need be.
   * @throws InvalidClient (draft, section 4.1) where it cannot be had and the application itself asks
   */
  async find(id: string): Promise<Client | undefined> {
    const known = await this.#known(id)
    if (known && (known.client.source !== 'document' || known.client.status === 'disabled'))
      return known.client
    if (known?.fresh) return known.client
    const ctx = currentContext()
    if (!ctx || !ITSELF.has(String(ctx.oidc?.route))) return known?.client
    try {
      await this.#readAgain(ctx, id, known)
    } catch (error) {
      if (known && known.age <= OUTAGE && error instanceof Unreadable) return known.client
      throw error
    }
    return (await this.#known(id))?.client
  }

  async #known(id: string): Promise<ClientDocument | undefined> {
    try {
      return await this.#deps.documents.find(id)
    } catch (error) {
      throw this.#deps.isUnavailable(error) ? new Unavailable(error) : error
    }
  }

  /** However many ask at once, it is read once; and what failed is left alone for a moment. */
  #readAgain(ctx: KoaContextWithOIDC, id: string, known: ClientDocument | undefined): Promise<void> {
    const failed = this.#failed.get(id)
    if (failed && failed.until > performance.now()) return Promise.reject(failed.error)
    const pending = this.#pending.get(id)
    if (pending) return pending
    const reading = this.#look(ctx, id, known).finally(() => this.#pending.delete(id))
    this.#pending.set(id, reading)
    return reading
  }

  async #look(ctx: KoaContextWithOIDC, id: string, known: ClientDocument | undefined): Promise<void> {
    // Somebody else may have come back with it since this request looked.
    if ((await this.#known(id))?.fresh) return
    if (!known) await this.#deps.admit(ctx, new URL(id).hostname)
    try {
      await this.#read(ctx, id)
    } catch (error) {
      if (error instanceof errors.InvalidClient) this.#remember(id, error)
      throw error
    }
  }

  async #read(ctx: KoaContextWithOIDC, id: string): Promise<void> {
    const { documents, clock, clientsChanged } = this.#deps
    const response = await this.#fetch(id)
    // What its host says is no fault of the way there: the application is not one any more.
    if (response.status >= 400 && response.status < 500) return this.#refuse(id, `answers ${response.status}`)
    if (response.status !== 200) throw new Unreadable(id, `answers ${response.status}`)
    const metadata = metadataOf(parsed(await response.text()), id)
    if (typeof metadata === 'string') return this.#refuse(id, metadata)
    try {
      checkRegistered(metadata)
      await validate(ctx.oidc.provider, { ...metadata, client_id: id })
    } catch (error) {
      const { error_description: reason } = error as { error_description?: string }
      if (reason === undefined) throw error
      return this.#refuse(id, `is refused: ${reason}`)
    }
    if (await documents.save(id, metadata, freshFor(response.headers, clock.now()))) clientsChanged()
  }

  async #fetch(id: string): Promise<Response> {
    try {
      return await this.#deps.outbound.fetch(id, {
        headers: { accept: 'application/json' },
        maxBytes: DOCUMENT_MAX,
        timeoutMs: FETCH_MS,
      })
    } catch (error) {
      throw new Unreadable(id, 'cannot be read', error)
    }
  }

  /** Also of what was known of it. */
  async #refuse(id: string, reason: string): Promise<never> {
    await this.#deps.documents.withdraw(id)
    throw refusal(id, reason)
  }

  #remember(id: string, error: Error): void {
    this.#deps.log.info({ err: error, clientId: id }, 'a client ID metadata document was not accepted')
    this.#failed.delete(id)
    if (this.#failed.size >= REMEMBERED) this.#failed.delete(this.#failed.keys().next().value as string)
    this.#failed.set(id, { until: performance.now() + PAUSE_MS, error })
  }
}

/** Its host cannot be reached, or not now. */
class Unreadable extends errors.InvalidClient {
  // Not as a cause: that it cannot be reached must not look as if a store of ours could not.
  constructor(id: string, reason: string, error?: unknown) {
    super(describe(id, reason), error instanceof Error ? { detail: error.message } : undefined)
  }
}

function refusal(id: string, reason: string): Error {
  return new errors.InvalidClient(describe(id, reason))
}

function describe(id: string, reason: string): string {
  return `the client_id metadata document at ${new URL(id).host} ${reason}`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
