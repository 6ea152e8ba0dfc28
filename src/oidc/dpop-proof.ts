/** DPoP proofs (RFC 9449 4.3) at the API, which is no endpoint of the engine's; there the engine checks them itself. */
import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose'
import { type Presented, TokenRefused } from '../domain/permissions/bearer.ts'

/** Asymmetric only; the same as for client assertions. */
export const DPOP_ALGORITHMS = ['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256']
/** seconds that a proof's time may be away from ours */
const WINDOW = 60
const JTI_MAX = 256

/** @throws TokenRefused `invalid_dpop_proof` */
export async function dpopThumbprint(
  { proof, method, url }: Presented,
  token: string,
): Promise<{ thumbprint: string; jti: string; window: number }> {
  const fail = (detail: string): never => {
    throw new TokenRefused('invalid_dpop_proof', detail)
  }
  if (proof === '') fail('a DPoP proof is needed')
  const verified = await jwtVerify(proof, EmbeddedJWK, {
    algorithms: DPOP_ALGORITHMS,
    typ: 'dpop+jwt',
  }).catch(() => fail('the DPoP proof is not valid'))
  const { jti, iat, htm, htu, ath } = verified.payload as JWTPayload & Record<'htm' | 'htu' | 'ath', unknown>
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_MAX) return fail('jti is missing')
  if (typeof iat !== 'number' || Math.abs(Date.now() / 1000 - iat) > WINDOW) fail('iat is not recent')
  if (htm !== method) fail('htm is not the method of this request')
  if (withoutQuery(htu) !== withoutQuery(url)) fail('htu is not the address of this request')
  if (ath !== createHash('sha256').update(token).digest('base64url')) fail('ath is not of this token')
  const thumbprint = await calculateJwkThumbprint(verified.protectedHeader.jwk as never)
  return { thumbprint, jti, window: 2 * WINDOW }
}

function withoutQuery(address: unknown): string | undefined {
  const url = URL.parse(String(address))
  return url ? url.origin + url.pathname : undefined
}
