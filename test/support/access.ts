/** What a person and an app hold of each other, made through the pages and endpoints, and whether it still works. */
import { expect } from 'chai'
import type * as client from 'openid-client'
import type { User } from '../../src/domain/users/user.ts'
import { NODE_HEADER, type Nodes } from './nodes.ts'
import { createPerson } from './people.ts'
import { type Answer, basicCredentials, post, responseOf, sendJson } from './protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  PASSWORD,
  RP_SECRET,
  type Started,
  walk,
  webClient,
} from './relying-party.ts'
import { type Page, UserAgent } from './user-agent.ts'

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
export const REGISTRATION = 'an-initial-access-token-of-the-test-0123456789'

/** The operator's own: asks about all tokens, and shows whether a browser is signed in. */
export const GATEWAY = webClient({ client_id: 'gateway', first_party: true })

const SCOPE = 'openid email'
const LASTING = 'openid email offline_access'

export interface Registered {
  client_id: string
  client_secret: string
  registration_access_token: string
  registration_client_uri: string
}

export interface Authorized {
  code: string
  started: Started
}

/** An app of somebody else's, registered by itself. */
export async function registerApp(nodes: Nodes): Promise<Registered> {
  const metadata = {
    redirect_uris: [CALLBACK],
    client_name: 'Somebody else’s app',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_CODE],
    response_types: ['code'],
  }
  const { json, status, text } = await sendJson('POST', `${nodes.issuer}/reg`, metadata, {
    bearer: REGISTRATION,
  })
  if (status !== 201) throw new Error(`not registered: ${status} ${text}`)
  return json
}

export async function newPerson(nodes: Nodes): Promise<User> {
  const [app] = nodes.apps
  people += 1
  if (!app) throw new Error('no node')
  return createPerson(
    { app, config: app.config, secrets: nodes.secrets },
    { email: `person-${people}@example.org` },
  )
}
let people = 0

/** One person and one app, with requests sent to a node of choice. */
export class Pair {
  readonly nodes: Nodes
  readonly person: User
  readonly app: Registered
  readonly #rp: client.Configuration
  readonly #gateway: client.Configuration

  constructor(
    nodes: Nodes,
    person: User,
    app: Registered,
    rp: client.Configuration,
    gateway: client.Configuration,
  ) {
    this.nodes = nodes
    this.person = person
    this.app = app
    this.#rp = rp
    this.#gateway = gateway
  }

  static async make(nodes: Nodes): Promise<Pair> {
    const [person, app] = [await newPerson(nodes), await registerApp(nodes)]
    const rp = await discover(nodes.issuer, app.client_id, app.client_secret)
    return new Pair(nodes, person, app, rp, await discover(nodes.issuer, 'gateway'))
  }

  /** A browser that stops at the app's callback, and where else it is told to. */
  browser(node?: number): UserAgent {
    const agent = new UserAgent((url, init) => fetch(url, { ...init, headers: withNode(init.headers, node) }))
    agent.stopAt = (url) => url.startsWith('http://localhost:9/')
    return agent
  }

  /** Sign-in and consent as far as asked for; the code that comes of it. */
  async authorize(agent: UserAgent, parameters: Record<string, string> = {}): Promise<Authorized> {
    const started = await this.begin(parameters)
    const { url, status, text } = await walk(agent, started.url, this.person)
    return codeOf(started, { url, status, text })
  }

  /** Without a question. */
  async silently(agent: UserAgent): Promise<{ page: Page; started: Started }> {
    const started = await this.begin({ prompt: 'none' })
    return { page: await agent.get(started.url.href), started }
  }

  begin(parameters: Record<string, string> = {}): Promise<Started> {
    return begin(this.#rp, { scope: SCOPE, ...parameters })
  }

  token(form: Record<string, string>, node?: number): Promise<Answer> {
    return this.#post('/token', form, this.app, node)
  }

  exchange({ code, started }: Authorized, node?: number): Promise<Answer> {
    const { pkceCodeVerifier: code_verifier } = started.checks
    const form = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier }
    return this.token(form, node)
  }

  refresh(refresh_token: string, node?: number): Promise<Answer> {
    return this.token({ grant_type: 'refresh_token', refresh_token }, node)
  }

  poll(device_code: string, node?: number): Promise<Answer> {
    return this.token({ grant_type: DEVICE_CODE, device_code }, node)
  }

  introspect(token: string, asked: 'app' | 'gateway', node?: number): Promise<Answer> {
    const gateway = { client_id: 'gateway', client_secret: RP_SECRET }
    return this.#post('/introspect', { token }, asked === 'app' ? this.app : gateway, node)
  }

  async userinfo(token: string): Promise<Answer> {
    return post(`${this.nodes.issuer}/userinfo`, { access_token: token })
  }

  /** At the operator's own app only. */
  async signIn(agent: UserAgent): Promise<void> {
    codeOf(await begin(this.#gateway), await walk(agent, (await begin(this.#gateway)).url, this.person))
  }

  async isSignedIn(agent: UserAgent): Promise<boolean> {
    const { url } = await begin(this.#gateway, { prompt: 'none' })
    const page = await agent.get(url.href)
    const { code, error } = responseOf(page.url)
    if (code) return true
    expect(error, `${page.status} at ${page.url}`).to.equal('login_required')
    return false
  }

  /** A device that the person allowed in, and that has not come for its tokens. */
  async approvedDevice(agent: UserAgent): Promise<string> {
    const { json } = await this.#post('/device/auth', { scope: SCOPE }, this.app)
    const typed = await agent.get(`${this.nodes.issuer}/device`)
    let page = await agent.submit(await agent.submit(typed, { user_code: json.user_code }))
    if (page.text.includes('class="view-consent"')) page = await agent.submit(page, {}, '/consent')
    if (!page.text.includes('class="view-device-done"'))
      throw new Error(`not approved: ${page.url} ${page.text.slice(0, 2000)}`)
    return json.device_code
  }

  /** The page that asks for consent, not answered yet. */
  async askedForConsent(agent: UserAgent): Promise<Page> {
    const page = await agent.get((await this.begin({ prompt: 'consent' })).url.href)
    if (!page.text.includes('class="view-consent"')) throw new Error(`no consent page: ${page.text}`)
    return page
  }

  /** The password was right, and the browser has not been sent back to the engine: where it would go. */
  async proven(agent: UserAgent, started?: Started): Promise<string> {
    const form = await agent.get((started ?? (await this.begin())).url.href)
    const { stopAt } = agent
    agent.stopAt = (url) => new URL(url).pathname.startsWith('/auth/')
    const { url } = await agent.submit(
      form,
      { identifier: this.person.email, password: PASSWORD },
      '/sign-in',
    )
    agent.stopAt = stopAt
    if (!new URL(url).pathname.startsWith('/auth/')) throw new Error(`not proven: ${url}`)
    return url
  }

  #post(path: string, form: Record<string, string>, as: Credentials, node?: number): Promise<Answer> {
    const authorization = basicCredentials(as.client_id, as.client_secret)
    return post(`${this.nodes.issuer}${path}`, form, { headers: withNode({ authorization }, node) })
  }
}

type Credentials = Pick<Registered, 'client_id' | 'client_secret'>

function withNode(headers: unknown, node: number | undefined): Record<string, string> {
  return {
    ...(headers as Record<string, string>),
    ...(node === undefined ? {} : { [NODE_HEADER]: String(node) }),
  }
}

export function codeOf(started: Started, page: Pick<Page, 'url' | 'status' | 'text'>): Authorized {
  const { code } = responseOf(page.url)
  if (!code) throw new Error(`no code at ${page.url} (${page.status})\n${page.text.slice(0, 2000)}`)
  return { code, started }
}

/** One of each, alive. Twins are made of what works once, so that using one shows that the other would have worked. */
export interface Holdings {
  here: UserAgent
  code: Authorized
  refreshToken: string
  accessToken: string
  deviceCode: string
  consentPage: Page
  /** another browser of the person, about to be signed in */
  arriving: UserAgent
  resume: string
  /** a third browser, with lasting access for the app */
  away: UserAgent
  lastingToken: string
}

export async function makeHoldings(pair: Pair): Promise<Holdings> {
  const here = pair.browser()
  const first = await pair.exchange(await pair.authorize(here))
  expect(first.status, first.text).to.equal(200)
  const away = pair.browser()
  const lasting = await pair.exchange(await pair.authorize(away, { scope: LASTING, prompt: 'consent' }))
  expect(lasting.status, lasting.text).to.equal(200)
  const code = async () => {
    const { page, started } = await pair.silently(here)
    return codeOf(started, page)
  }
  // Twins: the first of each is used at once.
  expect((await pair.exchange(await code())).status, 'a code works').to.equal(200)
  expect((await pair.poll(await pair.approvedDevice(here))).status, 'a device code works').to.equal(200)
  const answered = await here.submit(await pair.askedForConsent(here), {}, '/consent')
  expect(responseOf(answered.url).code, 'a consent page works').to.be.a('string')
  const before = pair.browser()
  expect(responseOf((await before.get(await pair.proven(before))).url).code, 'a proof works').to.be.a(
    'string',
  )
  const arriving = pair.browser()
  const holdings: Holdings = {
    here,
    code: await code(),
    refreshToken: first.json.refresh_token,
    accessToken: first.json.access_token,
    deviceCode: await pair.approvedDevice(here),
    consentPage: await pair.askedForConsent(here),
    arriving,
    resume: await pair.proven(arriving),
    away,
    lastingToken: lasting.json.refresh_token,
  }
  for (const [name, works] of Object.entries(CHECKS))
    if (!WORKS_ONCE.has(name)) expect(await works(pair, holdings), `${name} works before`).to.equal(true)
  return holdings
}

const WORKS_ONCE = new Set(['authorization code', 'device code', 'consent page', 'proven sign-in'])

/** Whether each still works. Anything but a plain yes or a plain no fails. */
export const CHECKS: Record<string, (pair: Pair, holdings: Holdings) => Promise<boolean>> = {
  session: (pair, { here }) => pair.isSignedIn(here),
  'authorization code': async (pair, { code }) => gotTokens(await pair.exchange(code)),
  'refresh token': async (pair, { refreshToken }) => gotTokens(await pair.refresh(refreshToken)),
  'access token, as a service sees it': async (pair, { accessToken }) =>
    isActive(await pair.introspect(accessToken, 'gateway')),
  'introspection by the app': async (pair, { refreshToken }) =>
    isActive(await pair.introspect(refreshToken, 'app')),
  userinfo: async (pair, { accessToken }) => {
    const { status, text } = await pair.userinfo(accessToken)
    expect(status, text).to.be.oneOf([200, 401])
    return status === 200
  },
  'device code': async (pair, { deviceCode }) => gotTokens(await pair.poll(deviceCode)),
  'proven sign-in': async (_pair, { arriving, resume }) => gotCode(await arriving.get(resume)),
  'lasting refresh token': async (pair, { lastingToken }) => gotTokens(await pair.refresh(lastingToken)),
  // last: answered, it may stand for all of them
  'consent page': async (_pair, { here, consentPage }) =>
    gotCode(await here.submit(consentPage, {}, '/consent')),
}

function gotTokens({ status, json, text }: Answer): boolean {
  if (status === 200) return true
  expect([status, json?.error], text).to.deep.equal(
    status === 401 ? [401, 'invalid_client'] : [400, 'invalid_grant'],
  )
  return false
}

function isActive({ status, json, text }: Answer): boolean {
  if (status === 401) expect(json?.error, text).to.equal('invalid_client')
  else expect(status, text).to.equal(200)
  return status === 200 && json.active
}

function gotCode({ url, status, text }: Page): boolean {
  if (responseOf(url).code) return true
  expect(status, `${url}\n${text.slice(0, 500)}`).to.be.lessThan(500)
  return false
}
