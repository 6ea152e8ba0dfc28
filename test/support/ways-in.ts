/**
 * Every way on which a password can be tried, each as one try from one address, as somebody who never was here before.
 * A new way in belongs into `waysIn`: the tests of brute force and enumeration walk the list.
 */
import type { DeclaredClient } from '../../src/oidc/declared-clients.ts'
import { auth } from './auth-api.ts'
import { FirstPartyApp } from './first-party-app.ts'
import { type ProtocolApp, post, sendJson } from './protocol.ts'
import { begin, CALLBACK, discover, publicClient, RP_SECRET, webClient } from './relying-party.ts'
import { type Page, UserAgent } from './user-agent.ts'

export const CIBA = 'urn:openid:params:grant-type:ciba'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

/** What the ways need registered; the front must be trusted (`TRUSTED_PROXIES`), for addresses to count. */
export const WAYS_CLIENTS: readonly DeclaredClient[] = [
  webClient({
    grant_types: ['authorization_code', 'refresh_token', CIBA],
    backchannel_token_delivery_mode: 'poll',
  }),
  publicClient({
    ...{ client_id: 'phone', application_type: 'native', redirect_uris: [CALLBACK] },
    ...{ first_party: true, first_party_challenge: true },
  }),
  publicClient({ client_id: 'tv', grant_types: [DEVICE], response_types: [], redirect_uris: [] }),
]
export const WAYS_SETTINGS = { TRUSTED_PROXIES: '127.0.0.1,::1' }

export interface Told {
  outcome: 'in' | 'wrong' | 'throttled' | 'busy'
  status: number
  text: string
  headers: Headers
}

/** @param ip where the try seems to come from */
export type Try = (identifier: string, password: string, ip: string) => Promise<Told>

export const from = (ip: string) => ({ 'x-forwarded-for': ip })

export function agentFrom(ip: string): UserAgent {
  const agent = new UserAgent((url, init) =>
    fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), ...from(ip) } }),
  )
  agent.stopAt = (url) => url.startsWith('http://localhost:9/')
  return agent
}

type Said = Omit<Told, 'outcome'>
const told = ({ status, text, headers }: Said, wrong: readonly number[]): Told => ({
  outcome: status === 429 ? 'throttled' : status === 503 ? 'busy' : wrong.includes(status) ? 'wrong' : 'in',
  ...{ status, text, headers },
})
const byPage = (page: Page) => told(page, [401])

export function waysIn(app: ProtocolApp) {
  const onThePage: Try = async (identifier, password, ip) => {
    const agent = agentFrom(ip)
    const page = await agent.get((await begin(await discover(app.issuer))).url.href)
    return byPage(await agent.submit(page, { identifier, password }, '/sign-in'))
  }
  const forADevice: Try = async (identifier, password, ip) => {
    const { json } = await post(
      `${app.issuer}/device/auth`,
      { client_id: 'tv', scope: 'openid' },
      { headers: from(ip) },
    )
    const agent = agentFrom(ip)
    const typed = await agent.submit(await agent.get(`${app.issuer}/device`), { user_code: json.user_code })
    return byPage(await agent.submit(await agent.submit(typed), { identifier, password }, '/sign-in'))
  }
  const inAnAppsForm: Try = async (username, password, ip) => {
    const phone = new FirstPartyApp(app.issuer, 'phone', { headers: from(ip) })
    return told(await phone.signIn(username, password), [400])
  }
  const byTheApi: Try = async (identifier, password, ip) => {
    const name = identifier.includes('@') ? { email: identifier } : { username: identifier }
    return told(await auth(app, 'login', { ...name, password }, { headers: from(ip) }), [401])
  }
  return {
    'on the page': onThePage,
    'for a device': forADevice,
    'in an app’s own form': inAnAppsForm,
    'by the API': byTheApi,
  } satisfies Record<string, Try>
}

/** On the page where a person answers what an app asked elsewhere (CIBA): whom it is about is in the link. */
export async function approvalOf(app: ProtocolApp, email: string, seen = 0): Promise<Try> {
  const asked = await post(
    `${app.issuer}/backchannel`,
    { scope: 'openid', login_hint: email },
    { basic: ['web', RP_SECRET] },
  )
  if (asked.status !== 200) throw new Error(`not asked: ${asked.text}`)
  const { text } = await app.nextMail(email, seen)
  const link = /https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? ''
  return async (_identifier, password, ip) => {
    const agent = agentFrom(ip)
    const page = await agent.get(link)
    return byPage(await agent.submit(page, { answer: 'approve', password }))
  }
}

/** Of somebody who is signed in, by the password they have. */
export function changeOf(app: ProtocolApp, bearer: string): Try {
  return async (_identifier, current, ip) => {
    const body = { current_password: current, new_password: 'a newer calm keeper of the door' }
    const url = `${app.issuer}/api/v1/auth/change-password`
    return told(await sendJson('POST', url, body, { bearer, headers: from(ip) }), [401])
  }
}
