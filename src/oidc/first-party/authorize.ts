/**
 * The authorization of a person who has proven everything, by the engine's own authorization endpoint: a request that
 * never leaves this process, with a new session for a cookie. So whatever the engine and our policy ask of a request in
 * a browser (consent, claims, resources, lifetimes, what else may come) is asked here, too, and the code that comes out
 * is like any other.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { ENDPOINTS } from '../routes.ts'

export interface Proven {
  accountId: string
  amr: string[]
  acr: string
  /** epoch seconds */
  authTime: number
}

export type Authorized =
  | { code: string }
  /** something is left that only a page can ask */
  | { web: true }
  /** an OAuth error; `status` where there is no code for it */
  | { error: string; description: string | undefined; status: number }

/**
 * @param requestUri of a pushed request, which is used up by a code and by nothing else
 * @param lifetime of the session, in seconds
 */
export async function authorize(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  { clientId, requestUri }: { clientId: string; requestUri: string },
  proven: Proven,
  lifetime: (session: object) => number,
): Promise<Authorized> {
  const session = newSession(provider, proven)
  await session.save(lifetime(session))
  const query = new URLSearchParams({ client_id: clientId, request_uri: requestUri })
  const response = await ask(provider, ctx, `${ENDPOINTS.authorization}?${query}`, session.id)
  const target = URL.parse(String(response.getHeader('location') ?? ''), provider.issuer)
  const answer = new URLSearchParams(target?.search || target?.hash.slice(1))
  const code = answer.get('code')
  if (code !== null) return { code }
  // Nothing came of it: nobody has the cookie of this session, nor of an interaction.
  await session.destroy()
  const waiting = /^\/interaction\/([\w-]+)$/.exec(target?.pathname ?? '')?.[1]
  if (waiting !== undefined) {
    await (await provider.Interaction.find(waiting))?.destroy()
    return { web: true }
  }
  return {
    error: answer.get('error') ?? 'invalid_request',
    description: answer.get('error_description') ?? undefined,
    status: response.statusCode,
  }
}

const inside = new WeakSet<object>()

/** Whether this request was made here, for a person who gave the password to the operator's own app a moment ago. */
export const isInside = (request: object): boolean => inside.has(request)

interface NewSession {
  id: string
  save(ttl: number): Promise<string>
  destroy(): Promise<void>
}

/** Not transient: an app keeps people signed in as "keep me signed in" does. */
function newSession(provider: Provider, { accountId, amr, acr, authTime }: Proven): NewSession {
  const { Session } = provider as unknown as {
    Session: new () => NewSession & { loginAccount(details: object): void }
  }
  const session = new Session()
  session.loginAccount({ accountId, amr, acr, loginTs: authTime })
  return session
}

async function ask(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  url: string,
  sessionId: string,
): Promise<ServerResponse> {
  const headers = { ...ctx.req.headers }
  for (const name of ['content-length', 'content-type', 'authorization', 'dpop', 'transfer-encoding'])
    delete headers[name]
  const request = (more: Partial<IncomingMessage>) => Object.assign(new IncomingMessage(ctx.req.socket), more)
  const jar = request({ method: 'GET', url, headers: { ...headers } })
  const drawn = new ServerResponse(jar)
  const name = (provider as unknown as { cookieName(type: 'session'): string }).cookieName('session')
  provider.createContext(jar, drawn).cookies.set(name, sessionId, { signed: true })
  const cookie = [drawn.getHeader('set-cookie') ?? []].flat().map((line) => String(line).split(';')[0])
  const inner = request({ method: 'GET', url, headers: { ...headers, cookie: cookie.join('; ') } })
  inside.add(inner)
  const response = new ServerResponse(inner)
  await provider.callback()(inner, response)
  return response
}
