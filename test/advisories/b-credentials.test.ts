/**
 * Advisory group B (what ended and lives on): the matrix of `test/attacks/revocation-matrix.test.ts` for the credentials
 * that came after sessions, codes and refresh tokens: what a person approved elsewhere (CIBA), tokens of the API,
 * tokens that were exchanged, and what an app got without a browser. Here and on the other node, within a second.
 * CVE-2026-9802, CVE-2026-8922, CVE-2026-1609, CVE-2026-43983, CVE-2024-46999, CVE-2024-47000, CVE-2024-47060,
 * CVE-2020-15223, GHSA-2vg6-77g8-24mp, GHSA-x883-2vmg-xwf7
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { GATEWAY, newPerson, Pair } from '../support/access.ts'
import { ENDINGS, type Ending } from '../support/endings.ts'
import { FirstPartyApp } from '../support/first-party-app.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'
import { type Answer, get, newAgent, post, responseOf } from '../support/protocol.ts'
import { CALLBACK, discover, PASSWORD, RP_SECRET, walk, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const [ORDERS, STOCK] = ['https://orders.example', 'https://stock.example']
const CLIENT_AGE_MS = 1000
const many = 1_000_000

const TRIED = [
  'disabling the person',
  'changing the password',
  'signing out everywhere',
  'disabling the client',
  'withdrawing consent',
]
const PLACES = ['on the same node', 'on another node']
const CASES = TRIED.flatMap((ending) => PLACES.map((place) => [ending, place] as const))

const none = { redirect_uris: [], response_types: [], post_logout_redirect_uris: [] }
const api = (client_id: string, more: object) =>
  webClient({ client_id, ...none, grant_types: ['client_credentials', EXCHANGE], ...more })
const clients = [
  GATEWAY,
  api(ORDERS, { token_exchange: { audiences: [STOCK] } }),
  api(STOCK, { token_exchange: { audiences: [STOCK] } }),
  // One for each case, because some of them end it.
  ...CASES.map((_, index) =>
    webClient({
      client_id: `app-${index}`,
      grant_types: ['authorization_code', 'refresh_token', CIBA],
      ...{ first_party: true, first_party_challenge: true, backchannel_token_delivery_mode: 'poll' },
    }),
  ),
]

interface Held {
  approved: string
  fetched: { access_token: string; refresh_token: string }
  page: Page
  asker: UserAgent
  asked: string
  apiToken: string
  exchanged: string
  appCode: { app: FirstPartyApp; code: string }
  appTokens: { access_token: string; refresh_token: string }
}

describe('advisories B: credentials of programs', function () {
  this.timeout(120_000)
  let nodes: Nodes
  before(async () => {
    const settings = {
      RESOURCE_SERVERS: JSON.stringify([
        { audience: ORDERS, scopes: ['read'], exchangeable: true },
        { audience: STOCK, scopes: ['read'], tokenFormat: 'opaque' },
      ]),
    }
    const limits = { signInNetwork: many, formNetwork: many, mailNetwork: many, approvalPerson: many }
    nodes = await startNodes(2, settings, { clients, limits })
  })
  after(() => nodes?.close())

  const at = (path: string) => nodes.issuer + path
  const basicOf = (id: string) => ({ basic: [id, RP_SECRET] as const })

  async function pairOf(index: number): Promise<Pair> {
    const id = `app-${index}`
    const app = {
      client_id: id,
      client_secret: RP_SECRET,
      registration_access_token: '',
      registration_client_uri: '',
    }
    const gateway = await discover(nodes.issuer, 'gateway')
    return new Pair(nodes, await newPerson(nodes), app, await discover(nodes.issuer, id), gateway)
  }

  const linksSeen = new Map<string, number>()
  /** asked, and the page of it open */
  async function ask({ app, person }: Pair) {
    const form = { scope: 'openid offline_access', login_hint: person.email }
    const { json, text } = await post(at('/backchannel'), form, basicOf(app.client_id))
    if (!json?.auth_req_id) throw new Error(`not asked: ${text}`)
    const seen = linksSeen.get(person.email) ?? 0
    linksSeen.set(person.email, seen + 1)
    const asker = newAgent()
    const page = await asker.get(await approvalLink(person.email, seen))
    return { id: String(json.auth_req_id), asker, page }
  }
  async function approvalLink(to: string, seen: number): Promise<string> {
    for (let tries = 0; tries < 400; tries += 1) {
      const mails = (await nodes.apps[0]!.storage.mailbox.list(500)).reverse()
      const links = mails.flatMap(({ recipient, text }) =>
        recipient === to ? (/https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? []) : [],
      )
      if (links[seen]) return links[seen]
      await sleep(25)
    }
    throw new Error(`no mail to ${to}`)
  }
  const approve = (agent: UserAgent, page: Page) =>
    agent.submit(page, { answer: 'approve', password: PASSWORD }, '/approve/')
  const poll = (pair: Pair, id: string) => pair.token({ grant_type: CIBA, auth_req_id: id })

  async function tokenFor(pair: Pair, agent: UserAgent, resource: string, scope: string): Promise<string> {
    const started = await pair.begin({ resource, scope })
    const { url } = await walk(agent, started.url, pair.person)
    const { json, text } = await pair.token({
      ...{ grant_type: 'authorization_code', code: String(responseOf(url).code), resource },
      ...{ redirect_uri: CALLBACK, code_verifier: started.checks.pkceCodeVerifier },
    })
    if (!json?.access_token) throw new Error(`no token for ${resource}: ${text}`)
    return json.access_token
  }

  async function hold(pair: Pair): Promise<Held> {
    const [first, second, third] = [await ask(pair), await ask(pair), await ask(pair)]
    await approve(first.asker, first.page)
    await approve(second.asker, second.page)
    const fetched = (await poll(pair, first.id)).json
    const agent = newAgent()
    const apiToken = await tokenFor(pair, agent, at('/api'), 'openid account:read')
    const orders = await tokenFor(pair, agent, ORDERS, 'openid read')
    const exchange = await post(
      at('/token'),
      { grant_type: EXCHANGE, subject_token: orders, subject_token_type: ACCESS_TOKEN, resource: STOCK },
      basicOf(ORDERS),
    )
    const appSignIn = async () => {
      const app = new FirstPartyApp(nodes.issuer, pair.app.client_id, basicOf(pair.app.client_id))
      const { json } = await app.signIn(pair.person.email, PASSWORD, { scope: 'openid email' })
      return { app, code: String(json.authorization_code) }
    }
    const used = await appSignIn()
    return {
      ...{ approved: second.id, fetched, page: third.page, asker: third.asker, asked: third.id, apiToken },
      ...{ exchanged: String(exchange.json.access_token), appCode: await appSignIn() },
      appTokens: (await used.app.exchange(used.code)).json,
    }
  }

  /** Whether each still works; anything but a yes or a plain no fails. */
  const CHECKS: Record<string, (pair: Pair, held: Held) => Promise<boolean>> = {
    'approved request that was not fetched': async (pair, { approved }) => got(await poll(pair, approved)),
    'access token of an approval': async (_pair, { fetched }) => sees(fetched.access_token),
    'refresh token of an approval': async (pair, { fetched }) =>
      got(await pair.refresh(fetched.refresh_token)),
    'token of the API': async (_pair, { apiToken }) => {
      const { status, text } = await get(at('/api/v1/users/me'), { bearer: apiToken })
      expect(status, text).to.be.oneOf([200, 401])
      return status === 200
    },
    'exchanged token': async (_pair, { exchanged }) => {
      const { status, json } = await post(at('/introspect'), { token: exchanged }, basicOf(STOCK))
      expect(status).to.equal(200)
      return json.active
    },
    'code of an app with its own forms': async (_pair, { appCode: { app, code } }) =>
      got(await app.exchange(code)),
    'access token of an app with its own forms': async (_pair, { appTokens }) => sees(appTokens.access_token),
    'refresh token of an app with its own forms': async (pair, { appTokens }) =>
      got(await pair.refresh(appTokens.refresh_token)),
    'request that waits for an answer': async (pair, { asker, page, asked }) => {
      await approve(asker, page)
      return got(await poll(pair, asked))
    },
  }
  const WORKS_ONCE = [
    'approved request that was not fetched',
    'code of an app with its own forms',
    'request that waits for an answer',
  ]

  function got({ status, json, text }: Answer): boolean {
    if (status === 200) return true
    const errors = [
      'invalid_grant',
      'invalid_client',
      'authorization_pending',
      'access_denied',
      'slow_down',
      'expired_token',
    ]
    expect(json?.error, text).to.be.oneOf(errors)
    expect(status, text).to.be.within(400, 401)
    return false
  }
  async function sees(token: string): Promise<boolean> {
    const { status, text } = await post(at('/userinfo'), { access_token: token })
    expect(status, text).to.be.oneOf([200, 401])
    return status === 200
  }

  /** The question stays, and may be answered anew; signing out everywhere takes that back, too. */
  const LEAVES = ['withdrawing consent']

  for (const [index, [name, place]] of CASES.entries())
    it(`${name} ends all of them, ${place}`, async () => {
      nodes.current = 0
      const ending = ENDINGS[name] as Ending
      const pair = await pairOf(index)
      const held = await hold(pair)
      for (const [what, works] of Object.entries(CHECKS))
        if (!WORKS_ONCE.includes(what)) expect(await works(pair, held), `${what} before`).to.equal(true)
      // What works once works: another of it does.
      const twin = await hold(pair)
      for (const what of WORKS_ONCE) expect(await CHECKS[what]?.(pair, twin), `${what} before`).to.equal(true)
      const again = await hold(pair)
      await ending.end(pair, [])
      if (place === 'on another node') nodes.current = 1
      if (ending.ofClient) await sleep(CLIENT_AGE_MS)
      const alive: string[] = []
      for (const [what, works] of Object.entries(CHECKS)) if (await works(pair, again)) alive.push(what)
      const left = LEAVES.includes(name) ? ['request that waits for an answer'] : []
      expect(alive).to.deep.equal(left)
    })
})
