/**
 * `id_token_hint` takes ID tokens (OpenID Connect Core 1.0, 3.1.2.1; RP-Initiated Logout 1.0, 2). The engine looks at
 * signature, issuer, audience and subject, which a logout token has too; what says by its type that it is something else
 * is no hint (RFC 8725, 3.11).
 */
import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'

interface IdTokens {
  validate(jwt: string, client: unknown): Promise<unknown>
}

export function takeIdTokensAsHints(provider: Provider): void {
  const tokens = provider.IdToken as unknown as IdTokens
  const { validate } = tokens
  tokens.validate = async (jwt, client) => {
    const typ = typeOf(jwt)
    if (typ !== undefined && typ !== 'JWT')
      throw new errors.InvalidRequest(`id_token_hint must be an ID token, not a token of the type ${typ}`)
    return validate.call(tokens, jwt, client)
  }
}

/** The `typ` of the header (RFC 7515, 4.1.9); `undefined` also where there is none to read, which the engine refuses. */
function typeOf(jwt: string): string | undefined {
  try {
    const header = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as {
      typ?: unknown
    }
    return typeof header.typ === 'string' ? header.typ.slice(0, 40) : undefined
  } catch {
    return undefined
  }
}
