/** What is measured: one operation is one request, its answer checked. */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { ENDPOINTS } from '../../src/oidc/routes.ts'
import { API, API_SCOPE, BROWSER_APP, SERVICE } from './clients.ts'
import { type Answer, basic, type Call, Connection } from './http.ts'
import { signIn, type Tokens } from './sign-in.ts'

export const FLOWS = ['discovery', 'cc opaque', 'cc JWT', 'introspect', 'userinfo', 'refresh'] as const
export type FlowName = (typeof FLOWS)[number]

/** opaque tokens that introspection asks about */
const LIVE_TOKENS = 50
const AUTHORIZATION = basic(SERVICE.client_id, SERVICE.client_secret)

const ASK_OPAQUE: Call = {
  method: 'POST',
  path: ENDPOINTS.token,
  headers: AUTHORIZATION,
  form: { grant_type: 'client_credentials' },
}
const ASK_JWT: Call = {
  ...ASK_OPAQUE,
  form: { grant_type: 'client_credentials', resource: API, scope: API_SCOPE },
}

/** One server, with everything the flows need signed in and at hand. */
export class Subject {
  readonly #connection: Connection
  readonly #live: string[] = []
  #people: Tokens[] = []

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async prepare(issuer: string, workers: number): Promise<Subject> {
    const subject = new Subject(new Connection(issuer, workers))
    for (let count = 0; count < LIVE_TOKENS; count += 1)
      subject.#live.push(String((await subject.#ask(ASK_OPAQUE)).access_token))
    // one after the other: hashing has few slots
    for (let worker = 0; worker < workers; worker += 1) subject.#people.push(await signIn(issuer))
    await subject.#verifyJwt(issuer)
    return subject
  }

  close(): void {
    this.#connection.close()
  }

  operation(flow: FlowName): (worker: number) => Promise<void> {
    switch (flow) {
      case 'discovery':
        return async () => {
          const { issuer } = await this.#ask({ method: 'GET', path: '/.well-known/openid-configuration' })
          if (typeof issuer !== 'string') throw new Error('the discovery document names no issuer')
        }
      case 'cc opaque':
        return async () => {
          const { access_token: token } = await this.#ask(ASK_OPAQUE)
          if (typeof token !== 'string' || token.includes('.')) throw new Error('expected an opaque token')
        }
      case 'cc JWT':
        return async () => {
          const { access_token: token } = await this.#ask(ASK_JWT)
          if (String(token).split('.').length !== 3) throw new Error('expected a JWT')
        }
      case 'introspect':
        return async () => {
          const token = this.#live[Math.floor(Math.random() * LIVE_TOKENS)] ?? ''
          const { active } = await this.#ask({
            method: 'POST',
            path: ENDPOINTS.introspection,
            headers: AUTHORIZATION,
            form: { token },
          })
          if (active !== true) throw new Error('a live token was called inactive')
        }
      case 'userinfo':
        return async (worker) => {
          const { sub } = await this.#ask({
            method: 'GET',
            path: ENDPOINTS.userinfo,
            headers: { authorization: `Bearer ${this.#people[worker]?.accessToken}` },
          })
          if (typeof sub !== 'string') throw new Error('userinfo names no subject')
        }
      case 'refresh':
        return async (worker) => {
          const person = this.#people[worker]
          if (!person) throw new Error('a worker without a person')
          const tokens = await this.#ask({
            method: 'POST',
            path: ENDPOINTS.token,
            form: {
              grant_type: 'refresh_token',
              client_id: BROWSER_APP.client_id,
              refresh_token: person.refreshToken,
            },
          })
          if (tokens.refresh_token === person.refreshToken || typeof tokens.refresh_token !== 'string')
            throw new Error('the refresh token did not rotate')
          if (typeof tokens.id_token !== 'string') throw new Error('expected an ID token')
          this.#people[worker] = {
            accessToken: String(tokens.access_token),
            refreshToken: tokens.refresh_token,
          }
        }
    }
  }

  async #ask(call: Call): Promise<Record<string, unknown>> {
    const answer = await this.#connection.send(call)
    return parsed(call, answer)
  }

  async #verifyJwt(issuer: string): Promise<void> {
    const keys = createLocalJWKSet(
      (await this.#ask({ method: 'GET', path: ENDPOINTS.jwks })) as unknown as JSONWebKeySet,
    )
    const { access_token: token } = await this.#ask(ASK_JWT)
    await jwtVerify(String(token), keys, { issuer, audience: API, typ: 'at+jwt', algorithms: ['ES256'] })
  }
}

/** The yardstick of the ratios. */
export function hello(connection: Connection): () => Promise<void> {
  return async () => {
    const call: Call = { method: 'POST', path: '/', form: { grant_type: 'client_credentials' } }
    const { size } = parsed(call, await connection.send(call))
    if (size !== 29) throw new Error('Koa did not read the body')
  }
}

function parsed(call: Call, { status, text }: Answer): Record<string, unknown> {
  if (status !== 200) throw new Error(`${call.method} ${call.path} answered ${status}: ${text.slice(0, 300)}`)
  return JSON.parse(text) as Record<string, unknown>
}
