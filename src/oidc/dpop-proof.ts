/**
 * DPoP proofs (RFC 9449 4.3) at endpoints that are not the engine's, in the engine's words: its own check is not public.
 * Whose key it must be, and that it is used once, is for the caller to see to.
 */
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'

/** The engine's, as its discovery document names them. */
export const DPOP_ALGORITHMS = ['ES256', 'Ed25519', 'EdDSA']
/** seconds that a clock may be off, or a request on the way */
const WINDOW = 60
/** seconds: a proof that was used cannot pass once more after that */
export const REPLAY_WINDOW = 2 * WINDOW
const JTI_MAX = 256

/** What is wrong with a proof; the message may be shown. */
export class ProofFault extends Error {}

export interface Proof {
  /** of its key (RFC 7638) */
  thumbprint: string
  jti: string
  /** hash of the access token it goes with; a claim, not looked at here */
  ath: unknown
}

/**
 * @param url of the request, without query and fragment
 * @throws ProofFault
 */
export async function readProof(
  proof: string,
  { method, url }: { method: string; url: string },
): Promise<Proof> {
  const { payload, thumbprint } = await verified(proof)
  const { htm, htu, iat, jti, ath } = payload
  if (htm !== method) throw new ProofFault('DPoP proof htm mismatch')
  if (withoutQuery(htu) !== withoutQuery(url)) throw new ProofFault('DPoP proof htu mismatch')
  if (typeof iat !== 'number' || Math.abs(Date.now() / 1000 - iat) > WINDOW)
    throw new ProofFault('DPoP proof iat is not recent enough')
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_MAX)
    throw new ProofFault('DPoP proof must have a jti string property')
  return { thumbprint, jti, ath }
}

async function verified(proof: string) {
  try {
    const options = { algorithms: DPOP_ALGORITHMS, typ: 'dpop+jwt' }
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, options)
    return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) }
  } catch {
    throw new ProofFault('invalid DPoP key binding')
  }
}

function withoutQuery(address: unknown): string | undefined {
  const url = typeof address === 'string' ? URL.parse(address) : null
  return url ? url.origin + url.pathname : undefined
}
