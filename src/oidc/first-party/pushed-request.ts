/** The pushed request (RFC 9126) that a sign-in without a browser begins with, and the copy of it that it goes on with. */
import { decodeJwt, type JWTPayload, UnsecuredJWT } from 'jose'
import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'

const URN = 'urn:ietf:params:oauth:request_uri:'
/** RFC 6749 4.1.2 by redirect: there is none here, and a mode that packs the code up has no meaning (the draft, 4.1). */
const MODES = new Set<unknown>([undefined, 'query', 'fragment'])

/** As the engine keeps it; the types leave members out. */
interface Pushed {
  jti: string
  request: string
  dpopJkt?: string
  trusted?: boolean
  isValid: boolean
  consume(): Promise<void>
}

export interface PushedRequest {
  id: string
  /** thumbprint of the key it is bound to */
  jkt: string | undefined
}

export const requestUriOf = (id: string) => `${URN}${id}`
export const requestIdOf = (uri: string) => (uri.startsWith(URN) ? uri.slice(URN.length) : '')

/** @throws InvalidRequestUri (also another client's: which there are is nobody's business), InvalidRequest */
export async function pushedRequest(
  provider: Provider,
  clientId: string,
  id: string,
): Promise<PushedRequest> {
  const { pushed, payload } = await load(provider, clientId, id)
  if (!MODES.has(payload.response_mode))
    throw new errors.InvalidRequest('response_mode has no meaning at this endpoint; leave it out')
  return { id, jkt: pushed.dpopJkt }
}

/** Uses the request up and puts the same in its place, for as many seconds. Returns the new one's id. */
export async function continued(
  provider: Provider,
  clientId: string,
  id: string,
  seconds: number,
): Promise<string> {
  const { pushed, payload } = await load(provider, clientId, id)
  await pushed.consume()
  const now = Math.floor(Date.now() / 1000)
  const request = new UnsecuredJWT(payload)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + seconds)
    .encode()
  const { PushedAuthorizationRequest: Model } = provider as unknown as {
    PushedAuthorizationRequest: new (payload: object) => { save(ttl: number): Promise<string> }
  }
  const { dpopJkt, trusted } = pushed
  return new Model({ request, dpopJkt, trusted }).save(seconds)
}

async function load(
  provider: Provider,
  clientId: string,
  id: string,
): Promise<{ pushed: Pushed; payload: JWTPayload }> {
  const found = await provider.PushedAuthorizationRequest.find(id, { ignoreExpiration: true })
  const pushed = found as unknown as Pushed | undefined
  const payload = pushed?.isValid ? decodeJwt(pushed.request) : undefined
  if (!pushed || payload?.client_id !== clientId)
    throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
  return { pushed, payload }
}
