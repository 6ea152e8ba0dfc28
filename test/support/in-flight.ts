/** Requests that are on their way while access ends, and what may be left of them when both are over: nothing. */
import { expect } from 'chai'
import { type Authorized, codeOf, type Pair } from './access.ts'
import type { Answer } from './protocol.ts'
import { responseOf } from './protocol.ts'
import { PASSWORD } from './relying-party.ts'
import type { Page, UserAgent } from './user-agent.ts'

/** What came of a request that was on its way. */
export interface Outcome {
  accessToken?: string
  refreshToken?: string
  authorized?: Authorized
}

export interface InFlight {
  browsers: UserAgent[]
  send(): Promise<Outcome>
}

/** The node that requests are on; access ends on the other (a person who signs out does it in the same browser). */
const NODE = 1
const LASTING = { scope: 'openid email offline_access', prompt: 'consent' }

/** By name: makes all that is needed before, and is then ready to be sent. */
export const REQUESTS: Record<string, (pair: Pair) => Promise<InFlight>> = {
  'exchange of a code': async (pair) => {
    const here = pair.browser()
    const authorized = await pair.authorize(here)
    return { browsers: [here], send: async () => tokensOf(await pair.exchange(authorized, NODE)) }
  },
  refresh: async (pair) => {
    const here = pair.browser()
    const { refreshToken } = tokensOf(await pair.exchange(await pair.authorize(here)))
    return { browsers: [here], send: async () => tokensOf(await pair.refresh(String(refreshToken), NODE)) }
  },
  'lasting refresh': async (pair) => {
    const here = pair.browser()
    const { refreshToken } = tokensOf(await pair.exchange(await pair.authorize(here, LASTING)))
    return { browsers: [here], send: async () => tokensOf(await pair.refresh(String(refreshToken), NODE)) }
  },
  'silent authorization': async (pair) => {
    const here = pair.browser(NODE)
    await pair.authorize(here)
    const started = await pair.begin({ prompt: 'none' })
    return { browsers: [here], send: async () => codeIn(await here.get(started.url.href), started) }
  },
  'first authorization of a session': async (pair) => {
    // Consent is remembered from elsewhere; this session has no grant for the app yet.
    await pair.authorize(pair.browser())
    const here = pair.browser(NODE)
    await pair.signIn(here)
    const started = await pair.begin({ prompt: 'none' })
    return { browsers: [here], send: async () => codeIn(await here.get(started.url.href), started) }
  },
  consent: async (pair) => {
    const here = pair.browser(NODE)
    await pair.authorize(here)
    const started = await pair.begin({ prompt: 'consent' })
    const page = await here.get(started.url.href)
    return {
      browsers: [here],
      send: async () => codeIn(await here.submit(page, {}, '/consent'), started),
    }
  },
  'poll of a device': async (pair) => {
    const here = pair.browser()
    await pair.authorize(here)
    const deviceCode = await pair.approvedDevice(here)
    return { browsers: [here], send: async () => tokensOf(await pair.poll(deviceCode, NODE)) }
  },
  'proven sign-in': async (pair) => {
    await pair.authorize(pair.browser())
    const here = pair.browser(NODE)
    const started = await pair.begin()
    const resume = await pair.proven(here, started)
    return { browsers: [here], send: async () => codeIn(await here.get(resume), started) }
  },
  'sign-in with a password': async (pair) => {
    await pair.authorize(pair.browser())
    const here = pair.browser(NODE)
    const started = await pair.begin()
    const form = await here.get(started.url.href)
    const fields = { identifier: pair.person.email, password: PASSWORD }
    return {
      browsers: [here],
      send: async () => codeIn(await here.submit(form, fields, '/sign-in'), started),
    }
  },
}

function tokensOf({ status, json, text }: Answer): Outcome {
  expect(status, text).to.be.lessThan(500)
  return { accessToken: json?.access_token, refreshToken: json?.refresh_token }
}

function codeIn(page: Page, started: Authorized['started']): Outcome {
  expect(page.status, `${page.url}\n${page.text.slice(0, 1000)}`).to.be.lessThan(500)
  return responseOf(page.url).code ? { authorized: codeOf(started, page) } : {}
}

/** What of it still works, by name. */
export async function aliveOf(pair: Pair, outcome: Outcome): Promise<string[]> {
  const alive: string[] = []
  const { authorized, accessToken, refreshToken } = outcome
  if (authorized && (await pair.exchange(authorized)).status === 200) alive.push('code')
  if (accessToken && (await pair.userinfo(accessToken)).status === 200) alive.push('userinfo')
  if (accessToken && (await pair.introspect(accessToken, 'gateway')).json.active) alive.push('access token')
  if (refreshToken && (await pair.refresh(refreshToken)).status === 200) alive.push('refresh token')
  return alive
}
