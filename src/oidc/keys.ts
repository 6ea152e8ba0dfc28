/** The deployment's keys: made on the first start, kept sealed, loaded at every later one. */
import { exportJWK, generateKeyPair } from 'jose'
import type { SigningKey } from '../domain/keys/key.ts'
import type { Random, SigningKeyRepository } from '../domain/ports.ts'

export interface Keys {
  /** private JSON Web Key Set; ES256 first, so that it signs wherever an algorithm is not asked for by name */
  jwks: { keys: Record<string, unknown>[] }
  /** current first */
  cookieKeys: string[]
}

export async function loadKeys(repository: SigningKeyRepository, random: Random): Promise<Keys> {
  const stored = await repository.list()
  const keys = stored.length > 0 ? stored : await repository.createOnce(() => makeKeys(random))
  const ordered = [...keys].sort((a, b) => a.position - b.position)
  return {
    jwks: { keys: ordered.filter((key) => key.use === 'token').map((key) => key.jwk) },
    cookieKeys: ordered.filter((key) => key.use === 'cookie').map((key) => String(key.jwk.k)),
  }
}

/** ES256 for everything that can choose, RS256 because OpenID Connect Registration 1.0 makes it the default. */
async function makeKeys(random: Random): Promise<SigningKey[]> {
  const [es256, rs256] = await Promise.all([tokenKey('ES256', 0, random), tokenKey('RS256', 1, random)])
  return [es256, rs256, cookieKey(0, random), cookieKey(1, random)]
}

async function tokenKey(alg: 'ES256' | 'RS256', position: number, random: Random): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const kid = random.token(12)
  return {
    kid,
    use: 'token',
    alg,
    state: 'current',
    position,
    jwk: { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' },
  }
}

function cookieKey(position: number, random: Random): SigningKey {
  return {
    kid: random.token(12),
    use: 'cookie',
    alg: undefined,
    state: 'current',
    position,
    jwk: { k: random.token(48) },
  }
}
