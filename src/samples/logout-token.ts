/** OpenID Connect Back-Channel Logout 1.0, section 2.6: the check of a logout token. */
import { type JWTVerifyGetKey, jwtVerify } from 'jose'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const MAX_REMEMBERED = 1000

export interface LogoutTokenOptions {
  issuer: string
  clientId: string
  keys: JWTVerifyGetKey
  /** The algorithms with which the provider signs: its metadata's `id_token_signing_alg_values_supported`. */
  algorithms: string[]
}

export interface LogoutTarget {
  sub: string | undefined
  sid: string | undefined
}

export class LogoutTokens {
  readonly #seen = new Set<string>()

  /** Answers whom to sign out, or throws when the token is not to be obeyed. */
  async verify(token: string, options: LogoutTokenOptions): Promise<LogoutTarget> {
    // Steps 2 to 4: signature, algorithm, `iss`, `aud`, `iat` and `exp`, as for an ID token. The header's `typ`
    // (section 2.4) keeps any other kind of token from being passed off as a logout token.
    const { payload } = await jwtVerify(token, options.keys, {
      typ: 'logout+jwt',
      issuer: options.issuer,
      audience: options.clientId,
      algorithms: options.algorithms,
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
      clockTolerance: 5,
    })

    // Step 5: it names a subject, a session, or both.
    const sub = typeof payload.sub === 'string' ? payload.sub : undefined
    const sid = typeof payload.sid === 'string' ? payload.sid : undefined
    if (sub === undefined && sid === undefined) throw new Error('the logout token names neither sub nor sid')

    // Step 6: it says that it is about a logout.
    const event = (payload.events as Record<string, unknown> | null)?.[EVENT]
    if (typeof event !== 'object' || event === null)
      throw new Error('the logout token has not the logout event')

    // Step 7: it has no nonce, so that no ID token can stand in for it.
    if ('nonce' in payload) throw new Error('the logout token has a nonce')

    // Step 8: the same token is not obeyed twice.
    const id = String(payload.jti)
    if (this.#seen.has(id)) throw new Error('the logout token was used before')
    this.#seen.add(id)
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MAX_REMEMBERED) break
      this.#seen.delete(oldest)
    }

    return { sub, sid }
  }
}
