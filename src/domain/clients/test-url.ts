/**
 * An address with which a developer tries an application's sign-in: a complete authorization request (RFC 6749 4.1.1) with
 * PKCE (RFC 7636 4), and what is needed to exchange its code by hand. Pure: randomness and digest are parameters.
 */
import { stringsOf } from '../../lib/texts.ts'
import { DomainError } from '../errors.ts'
import type { Client } from './client.ts'
import { withProfile } from './profile.ts'

export interface TestRequest {
  /** the authorization request; its answer goes to `redirectUri` */
  url: string
  redirectUri: string
  state: string
  nonce: string
  codeVerifier: string
  /** why the address alone is not enough; undefined: it is */
  needs: 'pushed_request' | 'signed_request' | undefined
}

export interface TestDeps {
  /** the authorization endpoint */
  endpoint: string
  token: (bytes: number) => string
  /** base64url of SHA-256 (RFC 7636 4.2) */
  sha256: (text: string) => string
}

const BYTES = 32

/** @throws `no_sign_in` when people do not sign in to the client by a browser */
export function testRequest(
  { id, metadata: stored }: Pick<Client, 'id' | 'metadata'>,
  { endpoint, token, sha256 }: TestDeps,
): TestRequest {
  const metadata = withProfile(stored)
  const [redirectUri] = stringsOf(metadata.redirect_uris)
  const grants = stringsOf(metadata.grant_types, ['authorization_code'])
  if (redirectUri === undefined || !grants.includes('authorization_code')) throw new DomainError('no_sign_in')
  const [codeVerifier, state, nonce] = [token(BYTES), token(16), token(16)]
  const scopes = typeof metadata.scope === 'string' ? metadata.scope.split(' ') : undefined
  const parameters = new URLSearchParams({
    ...{ client_id: id, response_type: 'code', redirect_uri: redirectUri },
    scope: ['openid', 'profile', 'email'].filter((one) => scopes?.includes(one) ?? true).join(' '),
    ...{ state, nonce, code_challenge: sha256(codeVerifier), code_challenge_method: 'S256' },
  })
  const needs = metadata.require_signed_request_object
    ? ('signed_request' as const)
    : metadata.require_pushed_authorization_requests || metadata.profile === 'fapi2'
      ? ('pushed_request' as const)
      : undefined
  return { url: `${endpoint}?${parameters}`, redirectUri, state, nonce, codeVerifier, needs }
}
