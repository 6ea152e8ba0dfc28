/** The engine's view of the request in hand, typed. */
import Provider, { type KoaContextWithOIDC } from 'oidc-provider'

/** `undefined` outside requests the engine serves. */
export function currentContext(): KoaContextWithOIDC | undefined {
  return Provider.ctx as KoaContextWithOIDC | undefined
}
