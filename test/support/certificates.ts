/** X.509 certificates of the tests (RFC 5280), made here: no tool of the machine is needed, and any field can be wrong. */
import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'

export interface Certificate {
  pem: string
  /** PKCS #8 */
  keyPem: string
  /** as `x5c` and RFC 9440 have it */
  base64: string
  x509: X509Certificate
  /** public, with `x5c` */
  jwk: Record<string, unknown>
}

export interface CertificateOptions {
  /** attribute and value, in the order of the certificate (which RFC 4514 turns round) */
  subject?: readonly (readonly [attribute: keyof typeof ATTRIBUTES, value: string])[]
  dns?: readonly string[]
  uri?: readonly string[]
  email?: readonly string[]
  /** four or sixteen bytes each */
  ip?: readonly (readonly number[])[]
  notBefore?: Date
  notAfter?: Date
  /** who signs it; itself unless given */
  issuer?: Certificate
  authority?: boolean
}

const ATTRIBUTES = { CN: [85, 4, 3], C: [85, 4, 6], O: [85, 4, 10], OU: [85, 4, 11] } as const
const DAY = 86_400_000

const tlv = (tag: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content)
  const size = body.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.of(tag, ...length), body])
}
const sequence = (...content: Buffer[]) => tlv(0x30, ...content)
const oid = (first: number, ...rest: number[]) => tlv(0x06, Buffer.of(first, ...rest))
const bits = (content: Buffer) => tlv(0x03, Buffer.of(0), content)
const time = (date: Date) => tlv(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+/g, '')}`))
const name = (subject: NonNullable<CertificateOptions['subject']>) =>
  sequence(
    ...subject.map(([attribute, value]) => {
      const [a, b, c] = ATTRIBUTES[attribute]
      return tlv(0x31, sequence(oid(a, b, c), tlv(0x0c, Buffer.from(value))))
    }),
  )
const extension = (id: number, value: Buffer, critical = false) =>
  sequence(oid(85, 29, id), ...(critical ? [tlv(0x01, Buffer.of(255))] : []), tlv(0x04, value))

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))

/** An ECDSA P-256 certificate, good from yesterday until in a month. */
export function certificate(options: CertificateOptions = {}): Certificate {
  const { subject = [['CN', 'test']], dns = [], uri = [], email = [], ip = [], issuer } = options
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const alternatives = [
    ...email.map((text) => tlv(0x81, Buffer.from(text))),
    ...dns.map((text) => tlv(0x82, Buffer.from(text))),
    ...uri.map((text) => tlv(0x86, Buffer.from(text))),
    ...ip.map((bytes) => tlv(0x87, Buffer.from(bytes))),
  ]
  const extensions = [
    ...(options.authority ? [extension(19, sequence(tlv(0x01, Buffer.of(255))), true)] : []),
    ...(alternatives.length > 0 ? [extension(17, sequence(...alternatives))] : []),
  ]
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    tlv(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_SHA256,
    issuer ? nameOf(issuer) : name(subject),
    sequence(
      time(options.notBefore ?? new Date(Date.now() - DAY)),
      time(options.notAfter ?? new Date(Date.now() + 30 * DAY)),
    ),
    name(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [tlv(0xa3, sequence(...extensions))] : []),
  )
  const signer: KeyObject | string = issuer?.keyPem ?? keys.privateKey
  const der = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, signer)))
  const base64 = der.toString('base64')
  const pem = `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`
  NAMES.set(pem, name(subject))
  return {
    pem,
    keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    base64,
    x509: new X509Certificate(pem),
    jwk: { ...createPublicKey(keys.privateKey).export({ format: 'jwk' }), x5c: [base64] },
  }
}

/** subjects as they were encoded: what a certificate signed by them names as its issuer */
const NAMES = new Map<string, Buffer>()
const nameOf = ({ pem }: Certificate) => NAMES.get(pem) as Buffer
