/**
 * A client's certificate as a proxy hands it on (RFC 8705). Two forms are read: the PEM text percent-encoded (nginx'
 * `$ssl_client_escaped_cert`), and the DER bytes as a byte sequence between colons (RFC 9440, `Client-Cert`). Whatever
 * else is there, or more than one, is no certificate.
 */
import { X509Certificate } from 'node:crypto'
import type { CertificateFacts } from '../domain/failures/record.ts'

export interface PresentedCertificate {
  /** the header as it came */
  value: string
  /** the proxy has verified the chain up to an authority it trusts */
  verified: boolean
}

const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
const PEM = /^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/
/** characters; a certificate with RSA 4096 and many names has some 4,000 */
const LENGTH_MAX = 16_000
const SUBJECT_MAX = 255

/** `undefined`: it cannot be read, or is not one certificate and nothing else. */
export function readCertificate(value: string): X509Certificate | undefined {
  if (value.length > LENGTH_MAX) return undefined
  try {
    const bytes = BYTES.exec(value)?.[1]
    if (bytes !== undefined) return new X509Certificate(Buffer.from(bytes, 'base64'))
    const text = decodeURIComponent(value)
    return PEM.test(text) ? new X509Certificate(text) : undefined
  } catch {
    return undefined
  }
}

/** What the front door kept of the request. */
export function presentedCertificate({ state }: { state: object }): PresentedCertificate | undefined {
  return (state as { certificate?: PresentedCertificate }).certificate
}

const known = new WeakMap<PresentedCertificate, X509Certificate | undefined>()

/** Looked at several times in one request, read once. */
function certificateOf(presented: PresentedCertificate): X509Certificate | undefined {
  if (!known.has(presented)) known.set(presented, readCertificate(presented.value))
  return known.get(presented)
}

/** A certificate that has run out, or is not good yet, is none: a proxy that takes self-signed ones has not looked. */
export function validCertificate(presented: PresentedCertificate, now: Date): X509Certificate | undefined {
  const certificate = certificateOf(presented)
  return certificate && problemOf(certificate, now) === undefined ? certificate : undefined
}

/** For who has to find out why it was refused. */
export function certificateFacts(presented: PresentedCertificate, now: Date): CertificateFacts {
  const certificate = certificateOf(presented)
  if (!certificate) return { problem: 'unreadable', verified: presented.verified }
  return {
    subject: certificate.subject?.split('\n').reverse().join(',').slice(0, SUBJECT_MAX),
    problem: problemOf(certificate, now),
    verified: presented.verified,
  }
}

/** RFC 5280 4.1.2.5 */
function problemOf({ validFromDate, validToDate }: X509Certificate, now: Date): CertificateFacts['problem'] {
  if (validToDate < now) return 'expired'
  return validFromDate > now ? 'not valid yet' : undefined
}
