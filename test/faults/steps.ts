/** A product on servers of its own, which the test may kill, with everything in flight that a fault can hit. */
import * as client from 'openid-client'
import type { RawSettings } from '../../src/config/read-env.ts'
import type { Limits } from '../../src/domain/protection/throttle.ts'
import { createPerson } from '../support/people.ts'
import {
  begin,
  CALLBACK,
  exchange,
  PASSWORD,
  RP_SECRET,
  type Started,
  walk,
  webClient,
} from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const GRANTS = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']

export const BASIC = `Basic ${Buffer.from(`web:${RP_SECRET}`).toString('base64')}`
export const JANE = 'jane@example.org'

export interface InFlight {
  running: RunningApp
  rp: client.Configuration
  /** signed in, with consent */
  agent: UserAgent
  tokens: Awaited<ReturnType<typeof exchange>>
}

/** @param limits of the throttle beside those of the tests, which are out of the way */
export async function startInFlight(settings: RawSettings, limits: Partial<Limits> = {}): Promise<InFlight> {
  const running = await startApp({
    stack: 'postgres+redis',
    settings,
    overrides: {
      clients: [webClient({ grant_types: GRANTS })],
      limits: { formNetwork: 1000, signInNetwork: 10_000, signInStranger: 1000, ...limits },
    },
  })
  try {
    await createPerson(running, { email: JANE })
    const rp = await client.discovery(
      new URL(running.issuer),
      'web',
      undefined,
      client.ClientSecretBasic(RP_SECRET),
      { execute: [client.allowInsecureRequests] },
    )
    const agent = new UserAgent()
    const started = await begin(rp, { scope: 'openid email offline_access', prompt: 'consent' })
    const { url } = await walk(agent, started.url, { email: JANE })
    return { running, rp, agent, tokens: await exchange(rp, url, started) }
  } catch (error) {
    await running.close()
    throw error
  }
}

/** A code that was issued and not yet used. */
export async function codeInHand({
  rp,
  agent,
}: InFlight): Promise<{ code: string; started: Started; url: string }> {
  const started = await begin(rp, { prompt: 'none' })
  const { url } = await agent.get(started.url.href)
  const code = new URL(url).searchParams.get('code')
  if (!code) throw new Error(`no code: ${url}`)
  return { code, started, url }
}

export const exchangeForm = (code: string, { checks }: Started) =>
  new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: CALLBACK,
    code_verifier: checks.pkceCodeVerifier,
  }).toString()

/** The sign-in form of a browser that has just come from the app. */
export async function signInForm({ rp }: InFlight): Promise<{ agent: UserAgent; page: Page }> {
  const agent = new UserAgent()
  agent.stopAt = (url) => url.startsWith('http://localhost:9/')
  return { agent, page: await agent.get((await begin(rp)).url.href) }
}

export const signInWith = (agent: UserAgent, page: Page, password = PASSWORD) =>
  agent.submit(page, { identifier: JANE, password }, '/sign-in')

export async function eventually(what: string, holds: () => Promise<boolean>, seconds = 20): Promise<number> {
  const started = performance.now()
  while (performance.now() - started < seconds * 1000) {
    if (await holds()) return performance.now() - started
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`not within ${seconds} seconds: ${what}`)
}
