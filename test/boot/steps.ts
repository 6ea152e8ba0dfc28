/** What a person and an app do with a running process, by pages and protocol only. */
import * as client from 'openid-client'
import { begin, exchange, PASSWORD, RP_SECRET, type Started } from '../support/relying-party.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

export function newAgent(): UserAgent {
  const agent = new UserAgent()
  agent.stopAt = (url) => url.startsWith('http://localhost:9/')
  return agent
}

export function relyingParty(issuer: string): Promise<client.Configuration> {
  return client.discovery(new URL(issuer), 'web', undefined, client.ClientSecretBasic(RP_SECRET), {
    execute: [client.allowInsecureRequests],
  })
}

export interface Registering {
  agent: UserAgent
  rp: client.Configuration
  started: Started
  /** the page that asks for the code */
  verify: Page
}

/** Up to the moment registration is answered. */
export async function register(issuer: string, email: string): Promise<Registering> {
  const agent = newAgent()
  const rp = await relyingParty(issuer)
  const started = await begin(rp, { scope: 'openid email offline_access', prompt: 'consent' })
  const signIn = await agent.get(started.url.href)
  const form = await agent.get(`${signIn.url}/register`)
  const verify = await agent.submit(form, { email, password: PASSWORD }, '/register')
  if (!verify.text.includes(email))
    throw new Error(`not registered: ${verify.status} ${verify.text.slice(0, 500)}`)
  return { agent, rp, started, verify }
}

/** The code in the newest mail to an address, as the evaluation mailbox shows it. */
export async function mailedCode(issuer: string, email: string, seconds = 30): Promise<string> {
  const agent = new UserAgent()
  const deadline = performance.now() + seconds * 1000
  while (performance.now() < deadline) {
    const list = await agent.get(`${issuer}/mailbox`)
    for (const [, path] of list.text.matchAll(/href="(\/mailbox\/(?!clear)[^"/]+)"/g)) {
      const { text } = await agent.get(issuer + path)
      // as the mail writes it, with a space: ids hold six digits in a row by chance
      const code = /\b(\d{3}) (\d{3})\b/.exec(text)
      if (text.includes(email) && code) return `${code[1]}${code[2]}`
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no mail to ${email} in the mailbox`)
}

/** From the page that asks for the code to the tokens. */
export async function confirm(
  issuer: string,
  email: string,
  { agent, rp, started, verify }: Registering,
  seconds?: number,
) {
  const consent = await agent.submit(
    verify,
    { code: await mailedCode(issuer, email, seconds) },
    '/verify-email',
  )
  const done = await agent.submit(consent, {}, '/consent')
  if (!done.url.includes('code=')) throw new Error(`no code: ${done.url} ${done.text.slice(0, 500)}`)
  return exchange(rp, done.url, started)
}

export async function keyIds(issuer: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}
