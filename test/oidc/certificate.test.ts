/** What of a header is a certificate, and whom it is made out to (RFC 8705 2.1.2). */
import { expect } from 'chai'
import { certificateFacts, readCertificate, validCertificate } from '../../src/oidc/certificate.ts'
import { subjectMatches } from '../../src/oidc/certificate-subject.ts'
import { certificate } from '../support/certificates.ts'

const DAY = 86_400_000

describe('the header of a client certificate', () => {
  const one = certificate()
  const escaped = encodeURIComponent(one.pem)

  it('is read as nginx writes it, and as RFC 9440 has it', () => {
    for (const value of [escaped, `:${one.base64}:`])
      expect(readCertificate(value)?.fingerprint256).to.equal(one.x509.fingerprint256)
  })

  for (const [what, value] of [
    ['nothing', ''],
    ['text', 'none'],
    ['broken percent-encoding', '%zz'],
    ['two certificates, one appended by a client', `${escaped}, ${escaped}`],
    ['two in one PEM', encodeURIComponent(one.pem + one.pem)],
    ['two byte sequences', `:${one.base64}:, :${one.base64}:`],
    ['base64 without colons', one.base64],
    ['a key', encodeURIComponent(one.keyPem)],
    ['bytes that are no certificate', ':AAAA:'],
    ['more than a certificate needs', encodeURIComponent(one.pem) + '%0A'.repeat(6_000)],
  ] as const)
    it(`is none: ${what}`, () => {
      expect(readCertificate(value)).to.equal(undefined)
    })

  it('counts between its two dates only, and says why not', () => {
    const at = (value: string) => ({ value, verified: true })
    const old = at(`:${certificate({ notAfter: new Date(Date.now() - 1000) }).base64}:`)
    const early = at(`:${certificate({ notBefore: new Date(Date.now() + DAY) }).base64}:`)
    const now = new Date()
    expect(validCertificate(at(escaped), now)).to.not.equal(undefined)
    expect([validCertificate(old, now), validCertificate(early, now)]).to.deep.equal([undefined, undefined])
    expect(certificateFacts(old, now)).to.deep.include({ problem: 'expired', subject: 'CN=test' })
    expect(certificateFacts(early, now).problem).to.equal('not valid yet')
    expect(certificateFacts(at('x'), now)).to.deep.equal({ problem: 'unreadable', verified: true })
  })
})

describe('the subject of a certificate', () => {
  const { x509 } = certificate({
    subject: [
      ['C', 'DE'],
      ['O', 'A, B\nC+"é '],
      ['OU', 'a\\b=c'],
      ['CN', '#x'],
    ],
    dns: ['api.example', '*.wild.example'],
    uri: ['https://x.example/?a=b,DNS:evil.example, URI:urn:evil', 'urn:x'],
    email: ['ops@example.org'],
    ip: [
      [192, 0, 2, 1],
      [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 1],
    ],
  })
  const DN = 'tls_client_auth_subject_dn'

  for (const [member, expected] of [
    [DN, 'CN=\\#x,OU=a\\\\b=c,O=A\\, B\\0AC\\+\\"é\\ ,C=DE'],
    [DN, 'cn=\\23x, ou=a\\5Cb\\3Dc, o=A\\2C B\\0aC\\2b\\22\\C3\\A9\\20, c=DE'],
    [DN, '2.5.4.3=\\#x,organizationalUnitName=a\\\\b=c,O=A\\, B\\0AC\\+\\"é\\ ,countryName=DE'],
    ['tls_client_auth_san_dns', 'api.example'],
    ['tls_client_auth_san_dns', 'API.example'],
    ['tls_client_auth_san_uri', 'urn:x'],
    ['tls_client_auth_san_uri', 'https://x.example/?a=b,DNS:evil.example, URI:urn:evil'],
    ['tls_client_auth_san_email', 'ops@example.org'],
    ['tls_client_auth_san_ip', '192.0.2.1'],
    ['tls_client_auth_san_ip', '2001:DB8:0::1'],
  ] as const)
    it(`is ${expected}`, () => {
      expect(subjectMatches(x509, member, expected)).to.equal(true)
    })

  for (const [member, expected] of [
    [DN, ''],
    [DN, 'CN=\\#x'],
    [DN, 'C=DE,O=A\\, B\\0AC\\+\\"é\\ ,OU=a\\\\b=c,CN=\\#x'],
    [DN, 'CN=#x,OU=a\\\\b=c,O=A\\, B\\0AC\\+\\"é\\ ,C=DE'],
    [DN, 'CN=\\#x,OU=a\\\\b=c,O=A\\, B\\0AC\\+\\"é\\ ,C=de'],
    [DN, 'CN=\\#x,OU=a\\\\b=c,O=A\\, B\\0AC\\+\\"é,C=DE'],
    [DN, 'nonsense'],
    ['tls_client_auth_san_dns', '.example'],
    ['tls_client_auth_san_dns', '*.wild.example'],
    ['tls_client_auth_san_dns', 'a.wild.example'],
    ['tls_client_auth_san_dns', 'evil.example'],
    ['tls_client_auth_san_uri', 'https://x.example/?a=b'],
    ['tls_client_auth_san_uri', 'urn:evil'],
    ['tls_client_auth_san_uri', 'urn:'],
    ['tls_client_auth_san_email', '@example.org'],
    ['tls_client_auth_san_email', 'other@example.org'],
    ['tls_client_auth_san_ip', '192.0.2.2'],
    ['tls_client_auth_san_ip', 'nonsense'],
    ['tls_client_auth_other', 'urn:x'],
  ] as const)
    it(`is not ${member.replace('tls_client_auth_', '')} "${expected}"`, () => {
      expect(subjectMatches(x509, member, expected)).to.equal(false)
    })

  it('is nobody where there is none: an empty name matches no certificate without one', () => {
    const nameless = certificate({ subject: [] }).x509
    for (const expected of ['', 'CN=x']) expect(subjectMatches(nameless, DN, expected)).to.equal(false)
  })
})
