/**
 * Addresses that a stranger would like the provider to call for them: this machine, this network, cloud metadata, in
 * every spelling that reaches them. None needs a name server.
 */

const spell = (hosts: string[], rest = ''): string[] => hosts.map((host) => `https://${host}${rest}`)

const LOOPBACK = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
]
const LOOPBACK_TOO = [
  '127.255.255.254',
  '127.0.0.1.',
  '0',
  '0.0.0.0',
  '0x0',
  '%31%32%37.0.0.1',
  '１２７.０.０.１',
  '①②⑦.0.0.1',
]
const METADATA = [
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '169.254.43518',
  '169.254.170.2',
]
const NETWORK = [
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.0.1',
  '192.168.257',
  '100.64.0.1',
]
const NETWORK_TOO = [
  '100.100.100.200',
  '100.127.255.254',
  '198.18.0.1',
  '198.19.255.254',
  '192.0.0.8',
  '192.0.0.192',
]
const NOBODY = [
  '192.0.2.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
]
const IPV6 = [
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[fc00::1]',
  '[ff02::1]',
  '[fec0::1]',
]
const EMBEDDED = ['[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]']
const TRANSLATED = [
  '[64:ff9b::7f00:1]',
  '[64:ff9b::169.254.169.254]',
  '[64:ff9b:1::a00:1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::1]',
]
const TUNNELLED = [
  '[2001:0:7f00:1::]',
  '[2001:db8::1]',
  '[2001:10::1]',
  '[2620:4f:8000::1]',
  '[3fff::1]',
  '[5f00::1]',
  '[100::1]',
]

/** All https: what is refused is where they lead. */
export const INSIDE_TARGETS: readonly string[] = [
  ...spell([...LOOPBACK, ...LOOPBACK_TOO], '/jwks.json'),
  ...spell([...METADATA], '/latest/meta-data/iam/security-credentials/'),
  ...spell([...NETWORK, ...NETWORK_TOO, ...NOBODY], ':8443/'),
  ...spell([...IPV6, ...EMBEDDED, ...TRANSLATED, ...TUNNELLED], '/x'),
]
