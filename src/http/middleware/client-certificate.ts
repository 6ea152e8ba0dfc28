/**
 * The certificate a client showed to the proxy (RFC 8705): a header that is worth what its sender is. It is taken off
 * every request, and kept aside only of those that a trusted proxy hands on for the mTLS host.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { PresentedCertificate } from '../../oidc/certificate.ts'
import { ENDPOINTS } from '../../oidc/routes.ts'

export interface CertificateHeaders {
  /** https origin where the proxy asks for certificates; may be the issuer */
  origin: string
  /** in small letters, like the next */
  certHeader: string
  /** says SUCCESS where the proxy has verified the chain; without it nothing counts as verified */
  verifyHeader: string | undefined
}

/** What is served at an mTLS host that is not the issuer's: endpoints of programs, nothing with a page or a cookie. */
const SERVED = new Set<string>([
  ENDPOINTS.token,
  ENDPOINTS.introspection,
  ENDPOINTS.revocation,
  ENDPOINTS.userinfo,
  ENDPOINTS.pushed_authorization_request,
  ENDPOINTS.device_authorization,
  ENDPOINTS.backchannel_authentication,
])

/** Changes the headers: afterwards nobody behind can mistake what a stranger wrote for what a proxy saw. */
export function takeCertificate(
  headers: IncomingHttpHeaders,
  { origin, certHeader, verifyHeader }: CertificateHeaders,
  viaProxy: boolean,
): PresentedCertificate | undefined {
  const value = headers[certHeader]
  const verdict = verifyHeader && headers[verifyHeader]
  delete headers[certHeader]
  if (verifyHeader) delete headers[verifyHeader]
  if (!viaProxy || headers.host?.toLowerCase() !== new URL(origin).host) return undefined
  if (typeof value !== 'string' || value === '') return undefined
  return { value, verified: verdict === 'SUCCESS' }
}

export function isServedToPrograms(path: string): boolean {
  return SERVED.has(path)
}

/** Codes are asked for there, but people type them at the issuer: its answer names addresses of the issuer only. */
export function namesAddressesForPeople(path: string): boolean {
  return path === ENDPOINTS.device_authorization
}
