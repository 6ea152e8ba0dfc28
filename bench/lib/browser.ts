/** A person in front of a browser: the authorization code flow with whatever pages come, over the load's connections. */
import { createHash, randomBytes } from 'node:crypto'
import { ENDPOINTS } from '../../src/oidc/routes.ts'
import { UserAgent } from '../../test/support/user-agent.ts'
import { CALLBACK, type Person, SCOPE } from './clients.ts'
import type { Connection } from './http.ts'

/** @param from the address it comes from, by the proxy's word */
export function browserOf(connection: Connection, from: string): UserAgent {
  const { issuer } = connection.address
  const agent = new UserAgent(async (address, { method, headers, body }) => {
    const { pathname, search } = new URL(address)
    const answer = await connection.send({
      method: method as 'GET' | 'POST',
      path: pathname + search,
      headers: {
        ...(headers as Record<string, string>),
        'x-forwarded-for': from,
        ...(body ? { origin: issuer } : {}),
      },
      ...(body ? { form: body as URLSearchParams } : {}),
    })
    const received = new Headers()
    for (const [name, values = []] of Object.entries(answer.headers))
      for (const value of [values].flat()) received.append(name, value)
    return new Response(answer.text || null, { status: answer.status, headers: received })
  })
  agent.stopAt = (url) => url.startsWith(CALLBACK)
  return agent
}

/** An address of its own for each of 16 million people: limits count by network. */
export function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}

export interface Tokens {
  accessToken: string
  refreshToken: string
  idToken: string
}

/** The server had no place for one more password (503): a proper answer, where the load is meant to be too much. */
export class TurnedAway extends Error {}

/**
 * Authorization request, pages (password, consent), exchange of the code.
 * @param clientId a public client
 * @param person nobody: the session must do (`prompt=none`)
 * @throws TurnedAway
 */
export async function signIn(
  browser: UserAgent,
  connection: Connection,
  clientId: string,
  person: Person | undefined,
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(9).toString('base64url')
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: SCOPE,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(person ? {} : { prompt: 'none' }),
  })
  let page = await browser.get(`${connection.address.issuer}${ENDPOINTS.authorization}?${query}`)
  const hasForm = (action: string) => page.forms.some((form) => form.action.endsWith(action))
  if (person && hasForm('/sign-in'))
    page = await browser.submit(page, { identifier: person.email, password: person.password }, '/sign-in')
  if (person && hasForm('/consent')) page = await browser.submit(page, {}, '/consent')
  if (page.status === 503) throw new TurnedAway(`the sign-in was turned away at ${page.url}`)
  const callback = new URL(page.url)
  const code = callback.searchParams.get('code')
  if (!callback.href.startsWith(CALLBACK) || code === null || callback.searchParams.get('state') !== state)
    throw new Error(`the sign-in ended at ${page.url} (${page.status})\n${page.text.slice(0, 1000)}`)
  const answer = await connection.json({
    method: 'POST',
    path: ENDPOINTS.token,
    form: {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    },
  })
  return tokensOf(answer)
}

/** @throws Error unless all three are there */
export function tokensOf(answer: Record<string, unknown>): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken } = answer
  for (const [name, token] of Object.entries({ accessToken, refreshToken, idToken }))
    if (typeof token !== 'string') throw new Error(`the token answer lacks the ${name}`)
  return { accessToken, refreshToken, idToken } as Tokens
}
