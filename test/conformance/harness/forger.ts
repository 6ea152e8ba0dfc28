/** Signs altered tokens anew, with keys that it slips into the key set: so a check must look at what a token says. */
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export type Claims = Record<string, unknown>

const ALGS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const
type Keys = Record<string, { key: CryptoKey; jwk: JWK }>
let made: Promise<Keys> | undefined

function keys(): Promise<Keys> {
  made ??= (async () => {
    const entries = ALGS.map(async (alg) => {
      const pair = await generateKeyPair(alg, { extractable: true })
      const jwk = { ...(await exportJWK(pair.publicKey)), kid: `forged-${alg}`, alg, use: 'sig' }
      return [alg, { key: pair.privateKey, jwk }] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  })()
  return made
}

/** A key set with the forger's keys beside the others. */
export async function withForgedKeys(text: string): Promise<string> {
  const set = JSON.parse(text) as { keys: JWK[] }
  set.keys.push(...Object.values(await keys()).map(({ jwk }) => jwk))
  return JSON.stringify(set)
}

/** The same token after `change`, with a signature that the forged key set verifies; `alg: none`: without any. */
export async function forge(
  token: string,
  change: (claims: Claims, header: Claims) => unknown,
): Promise<string> {
  const claims: Claims = decodeJwt(token)
  const header: Claims = { ...decodeProtectedHeader(token) }
  const kid = header.kid
  change(claims, header)
  if (header.alg === 'none') return `${encode(header)}.${encode(claims)}.`
  const { key } = (await keys())[String(header.alg)] ?? (await keys()).ES256 ?? {}
  if (header.kid === kid) header.kid = `forged-${header.alg}`
  return new SignJWT(claims).setProtectedHeader(header as { alg: string }).sign(key as CryptoKey)
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
