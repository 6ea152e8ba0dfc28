/**
 * Whether a certificate is made out to whom a client is registered as (RFC 8705 2.1.2). Names are compared as they are:
 * no wildcards, no parts of names, no folding of case but where the name itself knows none (DNS, e-mail host).
 */
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** alternative names only: a common name that looks like a host is no host */
const EXACTLY = { subject: 'never', wildcards: false, partialWildcards: false } as const

/** @param member the client's metadata member, `tls_client_auth_subject_dn` or one of `tls_client_auth_san_…` */
export function subjectMatches(certificate: X509Certificate, member: string, expected: string): boolean {
  switch (member) {
    case 'tls_client_auth_subject_dn':
      return sameName(certificate.subject, expected)
    case 'tls_client_auth_san_dns':
      // A leading dot would stand for every name below it.
      return /^[^.*]/.test(expected) && certificate.checkHost(expected, EXACTLY) !== undefined
    case 'tls_client_auth_san_email':
      return certificate.checkEmail(expected, EXACTLY) !== undefined
    case 'tls_client_auth_san_ip':
      return isIP(expected) !== 0 && certificate.checkIP(expected) !== undefined
    case 'tls_client_auth_san_uri':
      return urisOf(certificate).includes(expected)
    default:
      return false
  }
}

/** Node writes `URI:` before each, separates by commas, and quotes as JSON what holds one. */
function urisOf({ subjectAltName = '' }: X509Certificate): string[] {
  const entries = subjectAltName.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []
  return entries
    .map((entry) => entry.trimStart())
    .filter((entry) => entry.startsWith('URI:'))
    .map((entry) => entry.slice('URI:'.length))
    .map((uri) => (uri.startsWith('"') ? String(JSON.parse(uri)) : uri))
}

/**
 * @param subject of OpenSSL: a line for each part, in the order of the certificate
 * @param expected RFC 4514: parts separated by commas, in reverse
 */
function sameName(subject: string | undefined, expected: string): boolean {
  if (!subject) return false
  const ours = subject.split('\n').map(partOf)
  const theirs = splitUnescaped(expected, ',').reverse().map(partOf)
  return ours.length === theirs.length && ours.every((part, at) => part !== undefined && part === theirs[at])
}

/** One part in a form of its own; several attributes of one part in the order of their names. Undefined: unreadable. */
function partOf(text: string): string | undefined {
  const attributes = splitUnescaped(text, '+').map((attribute) => {
    const [, type = '', value] =
      /^\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)\s*=(.*)$/s.exec(attribute) ?? []
    const plain = value === undefined ? undefined : unescaped(trimmed(value))
    return plain === undefined
      ? undefined
      : JSON.stringify([TYPES[type.toUpperCase()] ?? type.toUpperCase(), plain])
  })
  return attributes.includes(undefined) ? undefined : attributes.sort().join('+')
}

/** RFC 4514 3 and RFC 4519: the same attribute by its long name and its number. */
const TYPES: Record<string, string> = {
  ...{
    COMMONNAME: 'CN',
    '2.5.4.3': 'CN',
    COUNTRYNAME: 'C',
    '2.5.4.6': 'C',
    LOCALITYNAME: 'L',
    '2.5.4.7': 'L',
  },
  ...{ STATEORPROVINCENAME: 'ST', '2.5.4.8': 'ST', STREETADDRESS: 'STREET', '2.5.4.9': 'STREET' },
  ...{ ORGANIZATIONNAME: 'O', '2.5.4.10': 'O', ORGANIZATIONALUNITNAME: 'OU', '2.5.4.11': 'OU' },
  ...{
    DOMAINCOMPONENT: 'DC',
    '0.9.2342.19200300.100.1.25': 'DC',
    USERID: 'UID',
    '0.9.2342.19200300.100.1.1': 'UID',
  },
  ...{ '2.5.4.5': 'SERIALNUMBER', '1.2.840.113549.1.9.1': 'EMAILADDRESS', E: 'EMAILADDRESS' },
}

function splitUnescaped(text: string, separator: ',' | '+'): string[] {
  const parts = ['']
  for (const [piece] of text.matchAll(/\\.|[^\\]/gs))
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  return parts
}

/** Spaces around a value mean nothing unless they are escaped. */
function trimmed(value: string): string {
  const text = value.trimStart()
  const end = text.trimEnd()
  return end.endsWith('\\') && text.length > end.length ? `${end} ` : end
}

/** `\,` is a comma, `\0A` a byte of UTF-8. A value in hexadecimal (`#…`) is not read. */
function unescaped(value: string): string | undefined {
  if (value.startsWith('#')) return undefined
  const bytes = [...value.matchAll(/\\([0-9A-Fa-f]{2})|\\(.)|([^\\])/gsu)].map(([, hex, escaped, plain]) =>
    hex === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from(hex, 'hex'),
  )
  return Buffer.concat(bytes).toString()
}
