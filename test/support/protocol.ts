/** What protocol tests share: an app per stack, people signed in by pages, requests as a stranger sends them. */
import * as client from 'openid-client'
import { createPerson, type PersonOptions } from './people.ts'
import { begin, exchange, type Started, walk } from './relying-party.ts'
import { type RunningApp, STACKS, type Stack, type StartOptions, startApp } from './start-app.ts'
import { type Sql, sqlOf } from './stored-rows.ts'
import { UserAgent } from './user-agent.ts'

export interface ProtocolApp extends RunningApp {
  stack: Stack
  sql: Sql
}

export interface ProtocolOptions extends StartOptions {
  people?: PersonOptions[]
}

export const JANE = { email: 'jane@example.org' }

/**
 * One `describe` per stack, with one app. The app is there inside hooks and tests, not while they are declared.
 * @param options or a function that makes them when the app is about to start
 */
export function onEveryStack(
  title: string,
  options: ProtocolOptions | (() => Promise<ProtocolOptions>),
  declare: (app: ProtocolApp) => void,
): void {
  for (const stack of STACKS) {
    describe(`${title} (${stack})`, () => {
      const app = {} as ProtocolApp
      before(async () => {
        const { people = [JANE], ...start } = typeof options === 'function' ? await options() : options
        const running = await startApp({ ...start, stack })
        Object.assign(app, running, { stack, sql: await sqlOf(running) })
        for (const person of people) await createPerson(running, person)
      })
      after(async () => {
        await app.sql?.close()
        await app.close?.()
      })
      declare(app)
    })
  }
}

export type Tokens = Awaited<ReturnType<typeof exchange>>

export interface SignedIn {
  agent: UserAgent
  started: Started
  callback: string
  tokens: Tokens
  sub: string
}

/** Authorization request, sign-in and consent by pages, code exchange. */
export async function signIn(
  rp: client.Configuration,
  parameters: Record<string, string> = {},
  options: { person?: { email: string }; agent?: UserAgent; exchange?: Record<string, string> } = {},
): Promise<SignedIn> {
  const agent = options.agent ?? new UserAgent()
  const started = await begin(rp, parameters)
  const { url, status, text } = await walk(agent, started.url, options.person ?? JANE)
  if (!url.includes('code=')) throw new Error(`no code at ${url} (${status})\n${text.slice(0, 3000)}`)
  const tokens = await exchange(rp, url, started, options.exchange)
  return { agent, started, callback: url, tokens, sub: String(tokens.claims()?.sub) }
}

/** `discover` of `relying-party.ts` for a client without a secret. */
export function discoverPublic(issuer: string, id = 'spa'): Promise<client.Configuration> {
  return client.discovery(new URL(issuer), id, undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  })
}

/** A browser that stops where the test's app would be. */
export function newAgent(): UserAgent {
  const agent = new UserAgent()
  agent.stopAt = (url) => url.startsWith('http://localhost:9/')
  return agent
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes, looked at by assertions
  json: any
}

export interface SendOptions {
  /** HTTP Basic (RFC 6749 2.3.1) */
  basic?: readonly [id: string, secret: string]
  bearer?: string
  headers?: Record<string, string>
}

export async function send(
  method: string,
  url: string,
  body: string | URLSearchParams | undefined,
  options: SendOptions = {},
): Promise<Answer> {
  const { basic, bearer } = options
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      accept: 'application/json',
      ...(basic ? { authorization: basicCredentials(...basic) } : {}),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  const isJson = /(?<!nd)json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text ? JSON.parse(text) : undefined,
  }
}

export function basicCredentials(id: string, secret: string): string {
  const encoded = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  return `Basic ${Buffer.from(encoded).toString('base64')}`
}

export const get = (url: string, options?: SendOptions) => send('GET', url, undefined, options)

/** A form, as every endpoint of OAuth takes it; an array sends a parameter several times. */
export function post(
  url: string,
  form: Record<string, string | string[]>,
  options?: SendOptions,
): Promise<Answer> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form))
    for (const entry of [value].flat()) body.append(name, entry)
  return send('POST', url, body, options)
}

export function sendJson(method: string, url: string, body: unknown, options: SendOptions = {}) {
  const headers = { 'content-type': 'application/json', ...options.headers }
  return send(method, url, JSON.stringify(body), { ...options, headers })
}

/** The OAuth error a library reports, in the libraries' own terms. Fails when the promise succeeds. */
export async function refusal(
  attempt: Promise<unknown>,
): Promise<{ error: string; description: string | undefined; status: number | undefined }> {
  let value: unknown
  try {
    value = await attempt
  } catch (thrown) {
    const { error, error_description: description, status } = thrown as Record<string, never>
    if (typeof error !== 'string') throw thrown
    return { error, description, status }
  }
  throw new Error(`expected to be refused, got ${JSON.stringify(value)}`)
}

/** The parameters an authorization response brought to the app. */
export function responseOf(callback: string): Record<string, string> {
  return Object.fromEntries(new URL(callback).searchParams)
}
