/** Makes the keys that sign: JSON Web Keys for tokens (RFC 7517, RFC 8037), random bytes for cookies. */
import { exportJWK, generateKeyPair } from 'jose'
import type { KeyMaker, Random } from '../domain/ports.ts'

/** bits of RSA keys (RFC 7518 3.3: at least) */
const MODULUS = 2048

export function keyMaker(random: Random): KeyMaker {
  return async (line) => {
    const kid = random.token(12)
    if (line === 'cookie') return { kid, jwk: { k: random.token(48) } }
    const { privateKey } = await generateKeyPair(line, { extractable: true, modulusLength: MODULUS })
    return { kid, jwk: { ...(await exportJWK(privateKey)), kid, alg: line, use: 'sig' } }
  }
}
