/** What the protocol asks of a client that an administrator writes down: the engine's schema and our own rules. */
import type { ClientSettings } from '../domain/clients/client.ts'
import { InvalidInput } from '../domain/errors.ts'
import { toMetadata } from './client-adapter.ts'
import { validate } from './declared-clients.ts'
import type { Engine } from './engine.ts'

/** Throws InvalidInput that names the member, where the refusal does. */
export function clientCheck(engine: Engine): (client: ClientSettings) => Promise<void> {
  return async (client) => {
    const metadata = toMetadata(client) as Record<string, unknown>
    try {
      await validate(engine.provider, metadata)
    } catch (error) {
      const { error: code, error_description: reason } = error as Record<string, unknown>
      if (typeof code !== 'string' || typeof reason !== 'string') throw error
      const member = /^[a-z_]+/.exec(reason)?.[0] ?? ''
      const field = Object.hasOwn(client.metadata, member) ? `metadata/${member}` : 'metadata'
      throw new InvalidInput({ [field]: { code, params: { reason } } })
    }
  }
}
