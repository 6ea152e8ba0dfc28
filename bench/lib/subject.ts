/** One server under load: signed-in people, live tokens, and the operations of every flow. Every answer is checked. */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { DISCOVERY_PATH, ENDPOINTS } from '../../src/oidc/routes.ts'
import type { UserAgent } from '../../test/support/user-agent.ts'
import { addressOf, browserOf, signIn, type Tokens, tokensOf } from './browser.ts'
import { API, API_SCOPE, BROWSER_APP, type Person, SERVICE } from './clients.ts'
import { type Address, basic, type Call, Connection } from './http.ts'
import type { FlowName } from './options.ts'

/** One operation of a worker; rejects when the answer is not what it should be. */
export type Operation = (worker: number) => Promise<void>

/** opaque tokens that introspection asks about */
const LIVE_TOKENS = 200
/** well within the ten minutes that access tokens live */
const RENEW_AFTER_MS = 240_000
/** one signature in so many is verified; all of them would make the load a benchmark of itself */
const VERIFIED = 50
const AUTHORIZATION = basic(SERVICE.client_id, SERVICE.client_secret)

export const ASK_OPAQUE: Call = {
  method: 'POST',
  path: ENDPOINTS.token,
  headers: AUTHORIZATION,
  form: { grant_type: 'client_credentials' },
}
export const ASK_JWT: Call = {
  ...ASK_OPAQUE,
  form: { grant_type: 'client_credentials', resource: API, scope: API_SCOPE },
}

interface Seat {
  browser: UserAgent
  tokens: Tokens
}

export class Subject {
  readonly connection: Connection
  readonly #seats: Seat[] = []
  #live: string[] = []
  #renewed = 0
  #signatures = 0
  #keys!: ReturnType<typeof createLocalJWKSet>

  private constructor(connection: Connection) {
    this.connection = connection
  }

  /** @param personOf who sits at which worker's browser */
  static async prepare(
    address: Address,
    workers: number,
    personOf: (worker: number) => Person,
  ): Promise<Subject> {
    const subject = new Subject(new Connection(address, workers))
    const { connection } = subject
    const jwks = await connection.json({ method: 'GET', path: ENDPOINTS.jwks })
    subject.#keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)
    // One after the other: hashing has few places.
    for (let worker = 0; worker < workers; worker += 1) {
      const browser = browserOf(connection, addressOf(worker))
      const tokens = await signIn(browser, connection, BROWSER_APP.client_id, personOf(worker))
      await subject.#verify(tokens.idToken, BROWSER_APP.client_id)
      subject.#seats.push({ browser, tokens })
    }
    await subject.renew()
    return subject
  }

  close(): void {
    this.connection.close()
  }

  /** Access tokens anew when they are old; for between measurements. */
  async renew(): Promise<void> {
    if (performance.now() - this.#renewed < RENEW_AFTER_MS && this.#live.length > 0) return
    this.#renewed = performance.now()
    this.#live = []
    for (let count = 0; count < LIVE_TOKENS; count += 1)
      this.#live.push(String((await this.connection.json(ASK_OPAQUE)).access_token))
    for (const worker of this.#seats.keys()) await this.#refresh(worker)
  }

  operation(flow: FlowName): Operation {
    const { connection } = this
    switch (flow) {
      case 'discovery':
        return async () => {
          const { issuer } = await connection.json({ method: 'GET', path: DISCOVERY_PATH })
          if (issuer !== connection.address.issuer)
            throw new Error('the discovery document names another issuer')
        }
      case 'jwks':
        return async () => {
          const { keys } = await connection.json({ method: 'GET', path: ENDPOINTS.jwks })
          if (!Array.isArray(keys) || keys.length === 0) throw new Error('there are no keys')
        }
      case 'cc':
        return () => this.askOpaque(ASK_OPAQUE)
      case 'cc-jwt':
        return () => this.askJwt(ASK_JWT)
      case 'introspect':
        return async () => {
          const token = this.#live[Math.floor(Math.random() * LIVE_TOKENS)] ?? ''
          const { active } = await connection.json({
            method: 'POST',
            path: ENDPOINTS.introspection,
            headers: AUTHORIZATION,
            form: { token },
          })
          if (active !== true) throw new Error('a live token was called inactive')
        }
      case 'userinfo':
        return async (worker) => {
          const authorization = `Bearer ${this.#seat(worker).tokens.accessToken}`
          const person = await connection.json({
            method: 'GET',
            path: ENDPOINTS.userinfo,
            headers: { authorization },
          })
          if (typeof person.sub !== 'string' || typeof person.email !== 'string')
            throw new Error('userinfo lacks the subject or the address')
        }
      case 'refresh':
      case 'refresh-alone':
        return (worker) => this.#refresh(worker)
      case 'code':
        return async (worker) => {
          const { browser } = this.#seat(worker)
          const { idToken } = await signIn(browser, connection, BROWSER_APP.client_id, undefined)
          await this.#verifySometimes(idToken, BROWSER_APP.client_id)
        }
    }
  }

  async askOpaque(call: Call): Promise<void> {
    const { access_token: token } = await this.connection.json(call)
    if (typeof token !== 'string' || token.includes('.')) throw new Error('expected an opaque token')
  }

  async askJwt(call: Call): Promise<void> {
    const { access_token: token } = await this.connection.json(call)
    if (String(token).split('.').length !== 3) throw new Error('expected a JWT')
    await this.#verifySometimes(String(token), API)
  }

  async #refresh(worker: number): Promise<void> {
    const seat = this.#seat(worker)
    const spent = seat.tokens.refreshToken
    const form = { grant_type: 'refresh_token', client_id: BROWSER_APP.client_id, refresh_token: spent }
    seat.tokens = tokensOf(await this.connection.json({ method: 'POST', path: ENDPOINTS.token, form }))
    if (seat.tokens.refreshToken === spent) throw new Error('the refresh token did not rotate')
    await this.#verifySometimes(seat.tokens.idToken, BROWSER_APP.client_id)
  }

  #seat(worker: number): Seat {
    const seat = this.#seats[worker]
    if (!seat) throw new Error('a worker without a person')
    return seat
  }

  async #verifySometimes(jwt: string, audience: string): Promise<void> {
    this.#signatures += 1
    if (this.#signatures % VERIFIED === 0) await this.#verify(jwt, audience)
  }

  async #verify(jwt: string, audience: string): Promise<void> {
    const { issuer } = this.connection.address
    await jwtVerify(jwt, this.#keys, { issuer, audience, algorithms: ['ES256'] })
  }
}
