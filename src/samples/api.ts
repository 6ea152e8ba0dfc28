/**
 * A protected resource: an API that accepts the provider's access tokens.
 *
 * It needs to know three things only: who issues the tokens, what the API itself is called (the audience), and
 * which scope a call needs. The rest it learns from the provider's discovery document. Apps that know nothing but the
 * API's address learn from its metadata (RFC 9728) where to get a token, which is what an MCP server has to offer.
 */
import Router from '@koa/router'
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import type { Context } from 'koa'

export interface ApiOptions {
  issuer: string
  /** This API's name: the resource indicator (RFC 8707) for which the access tokens are asked. */
  audience: string
  /** The origins whose pages may call this API from a browser. */
  allowedOrigins: string[]
  log(message: string, error?: unknown): void
}

const REQUIRED_SCOPE = 'api:read'

/** Only signatures that the provider makes with its private key: never `none`, never a shared secret. */
const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
]

/** What jose says when the fault lies in the token, not in reaching the provider's keys. */
const TOKEN_FAULTS = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWKSNoMatchingKey,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
]

export function createApi(options: ApiOptions): Router {
  const verify = accessTokenVerifier(options)
  const router = new Router()
  const metadata = metadataAddress(options.audience)

  // Cross-origin resource sharing (Fetch Standard, section 3.2): a browser lets a page of another origin read
  // the answer only when the answer says so. Access tokens travel in a header, not in a cookie, so that
  // `Access-Control-Allow-Credentials` is not needed.
  router.use('/api', async (ctx, next) => {
    ctx.vary('Origin')
    const from = ctx.get('Origin')
    if (options.allowedOrigins.includes(from)) {
      ctx.set('Access-Control-Allow-Origin', from)
      ctx.set('Access-Control-Expose-Headers', 'WWW-Authenticate')
    }
    await next()
  })

  router.options('/api/hello', (ctx) => {
    ctx.set('Access-Control-Allow-Methods', 'GET')
    ctx.set('Access-Control-Allow-Headers', 'Authorization')
    ctx.set('Access-Control-Max-Age', '600')
    ctx.status = 204
  })

  router.get('/api/hello', async (ctx) => {
    ctx.set('Cache-Control', 'no-store')

    // RFC 6750, section 2.1: the token comes in the Authorization header. It is not accepted in the query.
    const token = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(ctx.get('Authorization'))?.[1]
    // RFC 6750, section 3.1: when the request has no token at all, the answer names no error.
    if (!token) return refuse(ctx, 401, metadata, {})

    let claims: JWTPayload
    try {
      claims = await verify(token)
    } catch (error) {
      if (TOKEN_FAULTS.some((Fault) => error instanceof Fault)) {
        return refuse(ctx, 401, metadata, {
          error: 'invalid_token',
          error_description:
            error instanceof errors.JWTExpired
              ? 'The access token has expired'
              : 'The access token is not valid',
        })
      }
      options.log('sample API: could not get the keys of the provider', error)
      ctx.status = 503
      ctx.body = { error: 'temporarily_unavailable' }
      return
    }

    // RFC 9068, section 4: authorization is this API's own decision, made from the token's claims.
    const scopes = typeof claims.scope === 'string' ? claims.scope.split(' ') : []
    if (!scopes.includes(REQUIRED_SCOPE)) {
      return refuse(ctx, 403, metadata, {
        error: 'insufficient_scope',
        error_description: 'The access token is not good for this call',
        scope: REQUIRED_SCOPE,
      })
    }

    ctx.body = {
      message: 'Hello from the protected API',
      sub: claims.sub,
      client_id: claims.client_id,
      scope: claims.scope,
      exp: claims.exp,
    }
  })

  // RFC 9728, section 3: who calls without a token is sent here, and from here to the provider. It is the same for
  // everybody, so pages of any origin may read it.
  router.get(metadata.pathname, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*')
    ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
    ctx.set('Cache-Control', 'public, max-age=300')
    ctx.body = {
      resource: options.audience,
      authorization_servers: [options.issuer],
      scopes_supported: [REQUIRED_SCOPE],
      bearer_methods_supported: ['header'],
      resource_name: 'Sample API',
    }
  })

  // Browser apps may send headers of their own with that question, which the browser asks about first.
  router.options(metadata.pathname, (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*')
    ctx.set('Access-Control-Allow-Methods', 'GET')
    ctx.set('Access-Control-Allow-Headers', '*')
    ctx.status = 204
  })

  return router
}

/** RFC 9728, section 3.1: the well-known path goes between the API's host and its path. */
function metadataAddress(audience: string): URL {
  const { origin, pathname } = new URL(audience)
  return new URL(`/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`, origin)
}

/**
 * RFC 6750, section 3: a refusal says in `WWW-Authenticate` what the call would need; RFC 9728, section 5.1: and where to
 * read how to get it.
 */
function refuse(ctx: Context, status: 401 | 403, metadata: URL, details: Record<string, string>): void {
  const parameters = Object.entries({
    realm: 'sample API',
    ...details,
    resource_metadata: metadata.href,
  })
  ctx.status = status
  ctx.set('WWW-Authenticate', `Bearer ${parameters.map(([name, value]) => `${name}="${value}"`).join(', ')}`)
  ctx.body = { error: 'unauthorized', ...details }
}

/** RFC 9068, section 4: how a resource server validates a JWT access token. */
function accessTokenVerifier(options: ApiOptions): (token: string) => Promise<JWTPayload> {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined

  return async (token) => {
    keys ??= createRemoteJWKSet(await discoverKeys(options.issuer))
    const { payload } = await jwtVerify(token, keys, {
      typ: 'at+jwt',
      issuer: options.issuer,
      audience: options.audience,
      algorithms: ALGORITHMS,
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
    })
    return payload
  }
}

/** OpenID Connect Discovery 1.0, section 4: the provider's metadata name the address of its public keys. */
async function discoverKeys(issuer: string): Promise<URL> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(5_000),
  })
  if (!response.ok) throw new Error(`discovery answered ${response.status}`)
  const metadata = (await response.json()) as { issuer?: string; jwks_uri?: string }
  // Section 4.3: the issuer in the document must be the very one that was asked.
  if (metadata.issuer !== issuer || !metadata.jwks_uri)
    throw new Error('discovery answered for another issuer')
  return new URL(metadata.jwks_uri)
}
