/**
 * Mutual TLS (RFC 8705): clients that prove themselves by a certificate, and tokens that are bound to one. TLS ends at
 * the operator's proxy; what it saw comes by way of the front door. Off where the operator has not said how.
 */
import type { X509Certificate } from 'node:crypto'
import { type Configuration, errors } from 'oidc-provider'
import { presentedCertificate, validCertificate } from './certificate.ts'
import { subjectMatches } from './certificate-subject.ts'
import { ENDPOINTS } from './routes.ts'

export interface Mtls {
  /** https origin where the proxy asks for certificates */
  origin: string
  /** the proxy says whether it has verified the chain, so certificates of an authority can be told from others */
  verifies: boolean
}

type Contextual = Parameters<typeof presentedCertificate>[0]
type Feature = NonNullable<NonNullable<Configuration['features']>['mTLS']>

export function mtlsFeature(mtls: Mtls | undefined): Feature {
  if (!mtls) return { enabled: false }
  const certificateOf = (ctx: Contextual): X509Certificate | undefined => {
    const presented = presentedCertificate(ctx)
    return presented && validCertificate(presented, new Date())
  }
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: true,
    tlsClientAuth: mtls.verifies,
    getCertificate: certificateOf as NonNullable<Feature['getCertificate']>,
    certificateAuthorized: (ctx) => presentedCertificate(ctx)?.verified === true,
    certificateSubjectMatches(ctx, member, expected) {
      const certificate = certificateOf(ctx)
      return certificate !== undefined && subjectMatches(certificate, member, expected)
    },
  }
}

export function mtlsAuthMethods(
  mtls: Mtls | undefined,
): ('tls_client_auth' | 'self_signed_tls_client_auth')[] {
  if (!mtls) return []
  return [...(mtls.verifies ? (['tls_client_auth'] as const) : []), 'self_signed_tls_client_auth']
}

/** RFC 8705 5; none where certificates are asked for under the issuer's own name. */
export function mtlsAliases(issuer: string, mtls: Mtls | undefined): Record<string, string> | undefined {
  if (!mtls || mtls.origin === issuer) return undefined
  return {
    token_endpoint: mtls.origin + ENDPOINTS.token,
    revocation_endpoint: mtls.origin + ENDPOINTS.revocation,
    introspection_endpoint: mtls.origin + ENDPOINTS.introspection,
    userinfo_endpoint: mtls.origin + ENDPOINTS.userinfo,
    pushed_authorization_request_endpoint: mtls.origin + ENDPOINTS.pushed_authorization_request,
    device_authorization_endpoint: mtls.origin + ENDPOINTS.device_authorization,
    backchannel_authentication_endpoint: mtls.origin + ENDPOINTS.backchannel_authentication,
  }
}

/**
 * Without mutual TLS the engine would not know the member, and hand out tokens bound to nothing.
 * @throws InvalidClientMetadata
 */
export function checkBinding(mtls: Mtls | undefined, metadata: Record<string, unknown>): void {
  if (mtls || metadata.tls_client_certificate_bound_access_tokens !== true) return
  throw new errors.InvalidClientMetadata(
    'tls_client_certificate_bound_access_tokens needs mutual TLS, which is not set up here (RFC 8705 3)',
  )
}
