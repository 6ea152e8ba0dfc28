/**
 * Validated clients, kept. The engine's own cache holds a hundred and asks the store at every request; this one holds
 * all that are in use, and asks the store only when the clients have changed since (at most a second late on other
 * nodes, never late on the one that made the change). A client that changed is a new instance.
 */
import type Provider from 'oidc-provider'
import type { Client } from 'oidc-provider'
import type { Changes } from '../storage/changes.ts'
import { Unavailable } from './errors.ts'

/** about 5 KB each */
const MAX_CLIENTS = 20_000

interface Kept {
  client: Client
  /** the stored client this instance was made of */
  fingerprint: string
  /** of the change counter when it was last compared */
  generation: number
}

/**
 * Puts itself before the engine's `Client.find`.
 * @param stored the client's metadata as the engine's adapter gives it
 * @param isUnavailable tells a store that is away from a fault of ours
 * @param looksAgain clients that run out by themselves, of whom no counter tells
 */
export function keepClients(
  provider: Provider,
  changes: Changes,
  stored: (id: string) => Promise<object | undefined>,
  isUnavailable: (error: unknown) => boolean,
  looksAgain: (id: string) => boolean,
): void {
  const kept = new Map<string, Kept>()
  const model = provider.Client as unknown as { find(id: string): Promise<Client | undefined> }
  const make = model.find.bind(model)
  const refuse = (error: unknown): never => {
    throw isUnavailable(error) ? new Unavailable(error) : error
  }
  model.find = async (id) => {
    if (typeof id !== 'string' || id === '') return undefined
    const now = changes.current('clients')
    const generation = typeof now === 'number' ? now : await now.catch(refuse)
    const known = kept.get(id)
    if (known?.generation === generation && !looksAgain(id)) return known.client
    const metadata = await stored(id)
    if (!metadata) {
      kept.delete(id)
      return undefined
    }
    const fingerprint = JSON.stringify(metadata)
    const client = known?.fingerprint === fingerprint ? known.client : await make(id)
    if (!client) return undefined
    kept.delete(id)
    if (kept.size >= MAX_CLIENTS) kept.delete(kept.keys().next().value as string)
    kept.set(id, { client, fingerprint, generation })
    return client
  }
}
