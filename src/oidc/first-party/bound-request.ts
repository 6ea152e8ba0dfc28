/**
 * The key of a request to the authorization challenge endpoint (the draft, 9.5.1): the one that the pushed request was
 * bound to, proven by DPoP (RFC 9449), each proof once.
 */
import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { ProofFault, REPLAY_WINDOW, readProof } from '../dpop-proof.ts'

/**
 * @param jkt thumbprint the pushed request was bound to; undefined: to none
 * @param url the endpoint's address
 * @throws InvalidDpopProof
 */
export async function checkKey(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  jkt: string | undefined,
  url: string,
): Promise<void> {
  const sent = ctx.get('DPoP')
  if (jkt === undefined) {
    if (sent !== '') throw refused('the pushed request is bound to no key; send the proof there, too')
    return
  }
  if (sent === '') throw refused('the pushed request is bound to a key: a DPoP proof by it is needed')
  const proof = await readProof(sent, { method: ctx.method, url }).catch((error: unknown) => {
    throw error instanceof ProofFault ? refused(error.message) : error
  })
  if (proof.thumbprint !== jkt)
    throw refused('the DPoP proof is by another key than the pushed request is bound to')
  const clientId = String(ctx.oidc.client?.clientId)
  const until = Math.floor(Date.now() / 1000) + REPLAY_WINDOW
  if (!(await provider.ReplayDetection.unique(clientId, proof.jti, until)))
    throw refused('DPoP proof JWT Replay detected')
}

function refused(description: string): Error {
  return new errors.InvalidDpopProof(description)
}
