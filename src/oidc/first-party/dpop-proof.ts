/**
 * The DPoP proof of a request to the authorization challenge endpoint (RFC 9449 4.3; the draft, 9.5.1): the key is the
 * one that the pushed request was bound to. The engine checks proofs at its own endpoints only.
 */
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519']
/** seconds that the clock of a client may be off, or its request be on the way */
const WINDOW = 60

/**
 * @param jkt thumbprint the pushed request was bound to; undefined: to none
 * @param htu the endpoint's address
 * @throws InvalidDpopProof
 */
export async function checkProof(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  jkt: string | undefined,
  htu: string,
): Promise<void> {
  const proof = ctx.get('DPoP')
  const refuse = (description: string): never => {
    throw new errors.InvalidDpopProof(description)
  }
  if (jkt === undefined) {
    if (proof !== '') refuse('the pushed request is bound to no key; send the proof there, too')
    return
  }
  if (proof === '') refuse('the pushed request is bound to a key: a DPoP proof by it is needed')
  const { thumbprint, payload } = await read(proof, refuse)
  if (thumbprint !== jkt) refuse('the DPoP proof is by another key than the pushed request is bound to')
  const { htm, htu: claimed, iat, jti } = payload
  if (htm !== ctx.method) refuse('DPoP proof htm mismatch')
  if (withoutQuery(claimed) !== htu) refuse('DPoP proof htu mismatch')
  const now = Math.floor(Date.now() / 1000)
  if (typeof iat !== 'number' || Math.abs(now - iat) > WINDOW) refuse('DPoP proof iat is not recent enough')
  if (typeof jti !== 'string' || jti === '') refuse('DPoP proof must have a jti string property')
  const clientId = String(ctx.oidc.client?.clientId)
  if (!(await provider.ReplayDetection.unique(clientId, String(jti), now + 2 * WINDOW)))
    refuse('DPoP proof JWT Replay detected')
}

async function read(proof: string, refuse: (description: string) => never) {
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: ALGORITHMS,
      typ: 'dpop+jwt',
    })
    return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) }
  } catch {
    return refuse('invalid DPoP key binding')
  }
}

function withoutQuery(htu: unknown): string | undefined {
  const url = typeof htu === 'string' ? URL.parse(htu) : null
  if (!url) return undefined
  url.hash = ''
  url.search = ''
  return url.href
}
