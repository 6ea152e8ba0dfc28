/** Client certificates and what is bound to them (RFC 8705). */
import type { CertificateFacts, FailureRecord } from '../record.ts'
import { type Rule, rfc, says, textOf } from '../rule.ts'

const MEMBERS = ['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'].map(
  (name) => `tls_client_auth_${name}`,
)

const absent: Rule = (failure) => {
  if (!says(failure, /client certificate (was )?not provided/)) return undefined
  const problem = failure.certificate?.problem
  if (problem === undefined)
    return {
      cause: 'certificate-missing',
      summary: 'A client certificate is asked for, and none came.',
      sent: 'no certificate',
      expected: 'a request to the address in mtls_endpoint_aliases, with the certificate in TLS',
      change:
        'Let the library use mtls_endpoint_aliases and show the certificate; if it does, the proxy does not hand it on (MTLS_CERT_HEADER).',
      standard: rfc(8705, '5'),
    }
  return {
    cause: problem === 'unreadable' ? 'certificate-unreadable' : 'certificate-out-of-date',
    summary: `The client certificate counts as none: it is ${problem}.`,
    sent: sentOf(failure),
    expected:
      problem === 'unreadable' ? 'one certificate, PEM percent-encoded or as RFC 9440 has it' : undefined,
    change:
      problem === 'unreadable'
        ? 'Have the proxy set the header MTLS_CERT_HEADER anew for each request, in one of the two forms.'
        : 'Give the application a certificate that is valid now, and register that one.',
    standard: problem === 'unreadable' ? rfc(9440, '2.1') : rfc(5280, '4.1.2.5'),
  }
}

const unverified: Rule = (failure) => {
  if (!says(failure, 'client certificate was not verified')) return undefined
  return {
    cause: 'certificate-unverified',
    summary: 'The proxy has not verified the client certificate.',
    sent: sentOf(failure),
    expected: 'a certificate of an authority that the proxy trusts; then MTLS_VERIFY_HEADER says SUCCESS',
    change:
      'Use a certificate of that authority, or register the client with self_signed_tls_client_auth and the certificate in its jwks.',
    standard: rfc(8705, '2.1'),
  }
}

const otherSubject: Rule = (failure, known) => {
  if (!says(failure, 'certificate subject value does not match')) return undefined
  const member = MEMBERS.find((name) => textOf(known.client, name) !== undefined)
  return {
    cause: 'certificate-subject',
    summary: 'The client certificate is made out to somebody else.',
    sent: sentOf(failure),
    expected: member && `${member} ${textOf(known.client, member)}`,
    change:
      'Register the subject as it is in the certificate; names are compared letter by letter (RFC 4514).',
    standard: rfc(8705, '2.1.2'),
  }
}

const unregistered: Rule = (failure) => {
  if (!says(failure, 'unregistered client certificate')) return undefined
  return {
    cause: 'certificate-unregistered',
    summary: 'The client certificate is none of those that are registered.',
    sent: sentOf(failure),
    expected: "a certificate that is the first of x5c in a key of the client's jwks or jwks_uri",
    change: 'Put the certificate into the jwks of the client before it is used.',
    standard: rfc(8705, '2.2'),
  }
}

const otherCertificate: Rule = (failure) => {
  if (!says(failure, 'failed x5t#S256 verification')) return undefined
  return {
    cause: 'certificate-of-token',
    summary: 'The token is bound to another certificate than the one that was shown.',
    sent: sentOf(failure),
    change:
      'Show the certificate that the token was asked for with, at the address in mtls_endpoint_aliases; with a new one, ask for a new token.',
    standard: rfc(8705, '3'),
  }
}

function sentOf({ certificate }: FailureRecord): string {
  return certificate ? describe(certificate) : 'no certificate'
}

function describe({ subject, problem, verified }: CertificateFacts): string {
  const state = [problem, verified ? 'verified by the proxy' : 'not verified by the proxy'].filter(Boolean)
  return `${subject ? `a certificate of ${subject}` : 'a certificate'}, ${state.join(', ')}`
}

export const certificateRules: readonly Rule[] = [
  absent,
  unverified,
  otherSubject,
  unregistered,
  otherCertificate,
]
