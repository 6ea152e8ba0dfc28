/** Requests the engine makes (jwks_uri, sector identifiers, back-channel calls), through the one guarded way out. */
import type { Configuration } from 'oidc-provider'
import type { Outbound } from '../outbound/outbound.ts'

/** The engine's own guard, which it hands over as `options.dispatcher`, is not needed; its time limit is kept. */
export function engineFetch(outbound: Pick<Outbound, 'fetch'>): NonNullable<Configuration['fetch']> {
  const send = (url: URL | string, { method, headers, body, signal }: EngineRequest) =>
    outbound.fetch(url, { method, headers, body, signal })
  return send as NonNullable<Configuration['fetch']>
}

interface EngineRequest {
  method?: string
  headers?: Headers
  body?: string | URLSearchParams
  signal?: AbortSignal
}
