/**
 * Which addresses are somebody else's server on the internet, and which are this machine, this network or nobody's
 * (IANA special-purpose registries, RFC 6890). What is not plainly an address of the first kind is of the second.
 */
import { BlockList, isIP } from 'node:net'

const SPECIAL_IPV4: [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  // shared address space, RFC 6598
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // link-local; cloud metadata lives here
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // multicast, reserved, broadcast
  ['224.0.0.0', 3],
]

/**
 * Of IPv6 only global unicast is anybody's server: loopback, link-local, unique local, multicast, IPv4-mapped and
 * NAT64 addresses are all outside of it.
 */
const GLOBAL_IPV6: [network: string, prefix: number] = ['2000::', 3]
const SPECIAL_IPV6: [network: string, prefix: number][] = [
  // protocol assignments; Teredo, which embeds an IPv4 address, is among them
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 embeds an IPv4 address
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
]

const special = new BlockList()
for (const [network, prefix] of SPECIAL_IPV4) special.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6')
const global = new BlockList()
global.addSubnet(...GLOBAL_IPV6, 'ipv6')

/** @param address as a resolver gives it; anything else, a scoped address too, counts as special use */
export function isSpecialUse(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return special.check(address, 'ipv4')
    case 6:
      return address.includes('%') || !global.check(address, 'ipv6') || special.check(address, 'ipv6')
    default:
      return true
  }
}
