/**
 * `pkce_exempt`: PKCE is required of every client, and an operator may let a confidential one go without that checks
 * `nonce` instead (RFC 9700 2.1.1 allows both; old libraries and the OpenID Foundation's suite know only the second).
 */
import type { Contradiction } from './profile.ts'

/** Why the client must not be exempt; undefined: it may, or is not. */
export function exemptionFault(metadata: Readonly<Record<string, unknown>>): Contradiction | undefined {
  const { pkce_exempt: exempt, profile, token_endpoint_auth_method: method } = metadata
  const fault = (reason: string) => ({ member: 'pkce_exempt', reason })
  if (exempt !== undefined && typeof exempt !== 'boolean') return fault('must be true or false')
  if (exempt !== true) return undefined
  if (method === 'none')
    return fault('must not be true for a public client: only PKCE protects its codes (RFC 9700 2.1.1)')
  if (profile === 'hardened' || profile === 'fapi2')
    return fault(`must not be true under the profile "${profile}" (FAPI 2.0 Security Profile 5.3.2.2)`)
  return undefined
}
