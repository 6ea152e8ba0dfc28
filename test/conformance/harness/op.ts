/**
 * The mirror's side of the protocol: a relying party in raw HTTP and JOSE, and a scripted person at a browser. It
 * believes nothing it has not looked at; what it cannot go on from is an assertion that failed.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import {
  createLocalJWKSet,
  decodeJwt,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
  SignJWT,
} from 'jose'
import { PASSWORD } from '../../support/relying-party.ts'
import { type Page, UserAgent } from '../../support/user-agent.ts'
import { ADA, isCallback, type Party } from './parties.ts'
import type { Prover } from './prover.ts'
import type { Exchange, Wire } from './wire.ts'
import type { World } from './world.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes, looked at by assertions
  json: any
}

export interface SendOptions {
  headers?: Record<string, string>
  bearer?: string
  dpop?: Prover
  /** proof as it is, instead of one that `dpop` makes */
  proof?: string
  /** access token that the proof is for */
  ath?: string
  /** not asked again when the server wants a nonce */
  once?: boolean
}

type Changes = Record<string, string | undefined>

export interface Flow {
  /** what was asked, as it was sent */
  request: Record<string, string>
  verifier: string
  agent: UserAgent
  /** where the browser ended */
  page: Page
  /** what the app was told: of the query, or of the form of `form_post` */
  params: Record<string, string>
}

export interface SignedIn extends Flow {
  answer: Answer
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes
  tokens: any
  claims: JWTPayload
  header: ProtectedHeaderParameters
}

export class Op {
  readonly world: World
  readonly wire: Wire
  readonly issuer: string

  constructor(world: World, wire: Wire) {
    this.world = world
    this.wire = wire
    this.issuer = world.issuer
  }

  async send(method: string, path: string, body?: Body, options: SendOptions = {}): Promise<Answer> {
    const url = new URL(path, this.issuer).href
    const { bearer, dpop, ath } = options
    const attempt = async (): Promise<Answer> => {
      const proof = options.proof ?? (await dpop?.proof(method, url, { ath }))
      const scheme = dpop || options.proof ? 'DPoP' : 'Bearer'
      const response = await this.wire.fetch(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
          ...(bearer === undefined ? {} : { authorization: `${scheme} ${bearer}` }),
          ...(proof === undefined ? {} : { dpop: proof }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body }),
      })
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text ? JSON.parse(text) : {},
      }
    }
    const answer = await attempt()
    // RFC 9449 8: the server says which nonce it wants; asked again once.
    if (!dpop?.learn(answer.headers) || options.once || !isNonceWanted(answer)) return answer
    return attempt()
  }

  get(path: string, options?: SendOptions): Promise<Answer> {
    return this.send('GET', path, undefined, options)
  }

  post(path: string, form: Changes, options?: SendOptions): Promise<Answer> {
    return this.send('POST', path, new URLSearchParams(given(form)), options)
  }

  json(method: string, path: string, body: unknown, options?: SendOptions): Promise<Answer> {
    return this.send(method, path, JSON.stringify(body), options)
  }

  /** Sends a form as the client, proven in the way it registered: anew when it is asked again, as proofs are good once. */
  async as(party: Party, path: string, form: Changes, options: SendOptions = {}): Promise<Answer> {
    const attempt = async () => {
      const { headers, form: proof } = await this.credentials(party)
      const all = { ...options, once: true, headers: { ...headers, ...options.headers } }
      return this.post(path, { ...proof, ...form }, all)
    }
    const answer = await attempt()
    return options.dpop && !options.once && isNonceWanted(answer) ? attempt() : answer
  }

  async credentials({
    id,
    auth,
    secret = '',
    key,
    alg = 'ES256',
  }: Party): Promise<{ headers: Record<string, string>; form: Changes }> {
    if (auth === 'basic')
      return {
        headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
        form: {},
      }
    if (auth === 'post') return { headers: {}, form: { client_id: id, client_secret: secret } }
    if (auth === 'none' || !key) return { headers: {}, form: { client_id: id } }
    return { headers: {}, form: this.asserted(id, await this.assertion({ id, key, alg })) }
  }

  asserted(id: string, assertion: string): Record<string, string> {
    return {
      client_id: id,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }
  }

  /** RFC 7523 2.2, as FAPI 2.0 wants it: for the issuer. */
  assertion(
    party: Pick<Party, 'id' | 'key' | 'alg'>,
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const all = {
      iss: party.id,
      sub: party.id,
      aud: this.issuer,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
      ...claims,
    }
    return new SignJWT(all)
      .setProtectedHeader({ alg: party.alg ?? 'ES256', kid: party.id, ...header })
      .sign(party.key as CryptoKey)
  }

  browser(): UserAgent {
    const agent = new UserAgent(this.wire.fetch)
    agent.stopAt = isCallback
    return agent
  }

  /** A browser with a session of its own, for checks after which a session is another or none. */
  async newSession(party: Party): Promise<UserAgent> {
    const agent = this.browser()
    await this.authorize(party, {}, agent)
    return agent
  }

  /** A browser that Ada is signed in with; the session is that of other checks too. */
  signedInBrowser(): UserAgent {
    const agent = this.browser()
    agent.takeCookies(this.world.ada)
    return agent
  }

  request(party: Party, changes: Changes = {}): { request: Record<string, string>; verifier: string } {
    const verifier = randomBytes(32).toString('base64url')
    const request = given({
      client_id: party.id,
      redirect_uri: party.redirectUri,
      response_type: 'code',
      scope: 'openid email',
      state: randomBytes(8).toString('hex'),
      nonce: randomBytes(8).toString('hex'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...changes,
    })
    return { request, verifier }
  }

  /** Opens the authorization endpoint and goes no further than redirects lead. */
  async ask(party: Party, changes: Changes = {}, agent = this.browser()): Promise<Flow> {
    const { request, verifier } = this.request(party, changes)
    const page = await agent.get(`${this.issuer}/auth?${new URLSearchParams(request)}`)
    return { request, verifier, agent, page, params: paramsOf(page) }
  }

  /** The same without following anything: the first answer. */
  async firstAnswer(party: Party, changes: Changes = {}, method: 'GET' | 'POST' = 'GET'): Promise<Answer> {
    const { request } = this.request(party, changes)
    const options = { headers: { accept: 'text/html' } }
    return method === 'GET'
      ? this.get(`/auth?${new URLSearchParams(request)}`, options)
      : this.post('/auth', request, options)
  }

  /** The person does what pages ask: signs in, allows. */
  async walk(flow: Flow, person: { email: string } = ADA): Promise<Flow> {
    let { page } = flow
    for (let steps = 0; steps < 4 && !isAnswer(page); steps += 1) {
      const form = page.forms.find(({ action }) => /\/(sign-in|consent)$/.test(action))
      if (!form) break
      const fields = form.action.endsWith('/sign-in') ? { identifier: person.email, password: PASSWORD } : {}
      page = await flow.agent.submit(page, fields as Record<string, string>, form.action)
    }
    return { ...flow, page, params: paramsOf(page) }
  }

  /** From the request to the code; Ada is signed in already unless an agent is given. */
  async authorize(
    party: Party,
    changes: Changes = {},
    agent = this.signedInBrowser(),
    person = ADA as { email: string },
  ): Promise<Flow> {
    const flow = await this.walk(await this.ask(party, changes, agent), person)
    if (!flow.params.code) {
      const { status, url, text } = flow.page
      expect.fail(
        `no code: ${status} at ${url} ${JSON.stringify(flow.params)} ${/<h1[^>]*>([^<]*)/.exec(text)?.[1] ?? ''}`,
      )
    }
    return flow
  }

  redeem(
    party: Party,
    flow: Pick<Flow, 'params' | 'verifier' | 'request'>,
    changes: Changes = {},
    options: SendOptions = {},
  ): Promise<Answer> {
    const form = {
      grant_type: 'authorization_code',
      code: flow.params.code,
      redirect_uri: flow.request.redirect_uri,
      code_verifier: flow.verifier,
      ...changes,
    }
    return this.as(party, '/token', form, options)
  }

  refresh(party: Party, token: string, changes: Changes = {}, options: SendOptions = {}): Promise<Answer> {
    return this.as(
      party,
      '/token',
      { grant_type: 'refresh_token', refresh_token: token, ...changes },
      options,
    )
  }

  /** A whole sign-in; the ID token is verified. */
  async signIn(party: Party, changes: Changes = {}, agent?: UserAgent): Promise<SignedIn> {
    const flow = await this.authorize(party, changes, agent)
    const answer = await this.redeem(party, flow)
    expect(answer.status, answer.text).to.equal(200)
    const { payload, protectedHeader } = await this.verify(String(answer.json.id_token), party.id)
    return { ...flow, answer, tokens: answer.json, claims: payload, header: protectedHeader }
  }

  /** Signature by the published keys, issuer, audience and time. */
  async verify(token: string, audience: string | undefined, typ?: string) {
    const { json } = await this.get('/jwks')
    const options = { issuer: this.issuer, ...(audience ? { audience } : {}), ...(typ ? { typ } : {}) }
    try {
      return await jwtVerify(token, createLocalJWKSet(json), options)
    } catch (error) {
      return expect.fail(`the token does not verify: ${(error as Error).message} ${describe(token)}`)
    }
  }

  /** Opens the end-session page; the person has not answered yet. */
  async endSession(agent: UserAgent, parameters: Changes = {}): Promise<Page> {
    return agent.get(`${this.issuer}/session/end?${new URLSearchParams(given(parameters))}`)
  }

  /** The person signs out. */
  async signOut(agent: UserAgent, parameters: Changes = {}): Promise<Page> {
    const page = await this.endSession(agent, parameters)
    expect(page.forms.length, `a form at ${page.url} (${page.status})`).to.be.above(0)
    return agent.submit(page, { logout: 'yes' })
  }

  /** Whether an app is answered without a page. */
  async isSignedIn(agent: UserAgent, party: Party): Promise<boolean> {
    return (await this.ask(party, { prompt: 'none' }, agent)).params.code !== undefined
  }

  /** The logout tokens an app was sent since the world's listener was emptied; waits for the first for a while. */
  async heard(party: Party, patience = 3000): Promise<string[]> {
    const path = `/${party.id}`
    const { received } = this.world.listener
    for (const end = Date.now() + patience; Date.now() < end && !received.some((it) => it.path === path); )
      await new Promise((resolve) => setTimeout(resolve, 25))
    const tokens: string[] = []
    for (const { token, contentType = '' } of received.filter((it) => it.path === path)) {
      const exchange: Exchange = {
        method: 'LOGOUT',
        url: new URL(`${this.world.listener.origin}${path}`),
        form: new URLSearchParams(),
        body: '',
        sent: new Headers(),
        status: 200,
        headers: new Headers({ 'content-type': contentType }),
        text: token,
      }
      await this.wire.apply(exchange)
      if (exchange.status === 200) tokens.push(exchange.text)
    }
    return tokens
  }

  userinfo(token: string, options: SendOptions = {}): Promise<Answer> {
    return this.get('/userinfo', { bearer: token, ...options })
  }
}

type Body = string | URLSearchParams

export function given(changes: Changes): Record<string, string> {
  const entries = Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(entries)
}

const isAnswer = (page: Page) => isCallback(page.url) || page.forms.some(({ action }) => isCallback(action))

/** What the app is told: in the address, or by `form_post` in the fields of a form that goes to it. */
function paramsOf(page: Page): Record<string, string> {
  if (isCallback(page.url)) return Object.fromEntries(new URL(page.url).searchParams)
  return Object.fromEntries(page.forms.find(({ action }) => isCallback(action))?.fields ?? [])
}

const isNonceWanted = ({ json, headers }: Answer) =>
  json.error === 'use_dpop_nonce' || /use_dpop_nonce/.test(headers.get('www-authenticate') ?? '')

function describe(token: string): string {
  try {
    return JSON.stringify(decodeJwt(token))
  } catch {
    return 'and is no JWT'
  }
}
