/** How many tokens of each kind the engine issues. */
import type Provider from 'oidc-provider'

/** The engine's events for what is kept (`saved`) and for what only leaves (`issued`). */
const KINDS: Record<string, string> = {
  'access_token.saved': 'access_token',
  'access_token.issued': 'access_token',
  'authorization_code.saved': 'authorization_code',
  'client_credentials.saved': 'client_credentials',
  'client_credentials.issued': 'client_credentials',
  'device_code.saved': 'device_code',
  'refresh_token.saved': 'refresh_token',
}

export function countTokens(provider: Provider, count: (kind: string) => void): void {
  const on = provider.on.bind(provider) as (name: string, listener: () => void) => unknown
  for (const [event, kind] of Object.entries(KINDS)) on(event, () => count(kind))
}
