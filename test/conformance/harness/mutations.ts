/**
 * The breakages: each small, each named for what a provider that has it does wrong. Those that alter what was right
 * take a change; `accepts` says yes where the provider refused; `remembers` gives out again what it gave before.
 */
import { type Claims, forge, withForgedKeys } from './forger.ts'
import { isCallback } from './parties.ts'
import type { Alter, Exchange, Mutation } from './wire.ts'

type Json = Record<string, unknown>
const DISCOVERY = '/.well-known/openid-configuration'
const isGood = ({ status }: Exchange) => status >= 200 && status < 300
const isRefusal = ({ status }: Exchange) => status >= 400
const at = ({ url }: Exchange, path: string) => url.pathname === path || url.pathname.startsWith(`${path}/`)

export function mutation(what: string, alter: Alter): Mutation {
  return { what, begin: () => alter }
}

/** Changes the JSON of good answers below a path. */
export function json(
  path: string,
  what: string,
  change: (body: Json, exchange: Exchange) => unknown,
): Mutation {
  return mutation(what, (exchange) => {
    if (at(exchange, path) && isGood(exchange)) changeJson(exchange, change)
  })
}

export const metadata = (what: string, change: (body: Json) => unknown) => json(DISCOVERY, what, change)
export const jwks = (what: string, change: (keys: Json[]) => unknown) =>
  json('/jwks', what, (body) => change(body.keys as Json[]))

/** Sets a header of every answer below a path, or takes it away. */
export function header(path: string, name: string, value?: string): Mutation {
  return mutation(value === undefined ? `sends no ${name}` : `sends ${name}: ${value}`, (exchange) => {
    if (!at(exchange, path)) return
    if (value === undefined) exchange.headers.delete(name)
    else exchange.headers.set(name, value)
  })
}

/** Another status for answers that have this one. */
export function status(path: string, from: number, to: number): Mutation {
  return mutation(`answers ${path} with ${to} instead of ${from}`, (exchange) => {
    if (at(exchange, path) && exchange.status === from) exchange.status = to
  })
}

/** Alters tokens and signs them well: what the change says is the only thing wrong. */
function tokens(what: string, where: (body: Json) => string | undefined, change: Change): Mutation {
  return mutation(what, async (exchange) => {
    if (at(exchange, '/jwks')) exchange.text = await withForgedKeys(exchange.text)
    if (!at(exchange, '/token') || !isGood(exchange)) return
    const body = JSON.parse(exchange.text) as Json
    const name = where(body)
    if (name === undefined) return
    body[name] = await forge(String(body[name]), change)
    setJson(exchange, body)
  })
}
type Change = (claims: Claims, header: Claims) => unknown

export const idToken = (what: string, change: Change) =>
  tokens(what, (body) => (body.id_token ? 'id_token' : undefined), change)
export const accessToken = (what: string, change: Change) =>
  tokens(what, (body) => (String(body.access_token).startsWith('eyJ') ? 'access_token' : undefined), change)

/** Alters the logout tokens that apps receive. */
export function logoutToken(what: string, change: Change): Mutation {
  return mutation(what, async (exchange) => {
    if (at(exchange, '/jwks')) exchange.text = await withForgedKeys(exchange.text)
    if (exchange.method === 'LOGOUT') exchange.text = await forge(exchange.text, change)
  })
}

/** The app is told nothing. */
export const tellsNobody: Mutation = mutation('tells no app', (exchange) => {
  if (exchange.method === 'LOGOUT') exchange.status = 0
})

/** Alters a whole answer that is a signed token below a path: userinfo, introspection. */
export function signedAnswer(path: string, what: string, change: Change): Mutation {
  return mutation(what, async (exchange) => {
    if (at(exchange, '/jwks')) exchange.text = await withForgedKeys(exchange.text)
    if (at(exchange, path) && isGood(exchange) && exchange.text.startsWith('eyJ'))
      exchange.text = await forge(exchange.text, change)
  })
}

/** Alters what the app is told at its callback, in the address. */
export function callback(
  what: string,
  change: (params: URLSearchParams, exchange: Exchange) => unknown,
): Mutation {
  return mutation(what, async (exchange) => {
    const location = exchange.headers.get('location') ?? ''
    if (!isCallback(location)) return
    const url = new URL(location)
    await change(url.searchParams, exchange)
    exchange.headers.set('location', url.href)
  })
}

/** Alters the signed answer of JARM. */
export function jarm(what: string, change: Change): Mutation {
  const altered = callback(what, async (params) => {
    const response = params.get('response')
    if (response) params.set('response', await forge(response, change))
  })
  return mutation(what, async (exchange) => {
    if (at(exchange, '/jwks')) exchange.text = await withForgedKeys(exchange.text)
    await altered.begin()(exchange)
  })
}

/** Alters pages. */
export function page(what: string, change: (html: string) => string): Mutation {
  return mutation(what, (exchange) => {
    if (/html/.test(exchange.headers.get('content-type') ?? '')) exchange.text = change(exchange.text)
  })
}

/** Another error than the standard names, wherever it is said. */
export function errs(from: string, to = 'server_error'): Mutation {
  return mutation(`says ${to} where it should say ${from}`, (exchange) => {
    exchange.text = exchange.text.replaceAll(`"${from}"`, `"${to}"`)
    for (const name of ['location', 'www-authenticate']) {
      const value = exchange.headers.get(name)
      if (value) exchange.headers.set(name, value.replaceAll(from, to))
    }
  })
}

/** Says yes to what the provider refused. */
export function accepts(path: string): Mutation {
  return mutation(`accepts at ${path} what it should refuse`, (exchange) => {
    if (!at(exchange, path)) return
    if (path === '/auth') sendBack(exchange, isRefusal)
    else if (isRefusal(exchange)) sayYes(exchange, path)
    else if (path === '/introspect') changeJson(exchange, (body) => Object.assign(body, { active: true }))
  })
}

/** Sends the browser back to the app with a code where the person should have been asked. */
export const skipsPages: Mutation = mutation('asks the person nothing', (exchange) => {
  if (at(exchange, '/auth'))
    sendBack(exchange, ({ headers }) => (headers.get('location') ?? '').includes('/interaction/'))
})

/** Shows a page where the app should have been answered without one. */
export const alwaysAsks: Mutation = mutation('shows a page although nothing is to be asked', (exchange) => {
  if (!isCallback(exchange.headers.get('location') ?? '')) return
  exchange.headers.delete('location')
  exchange.headers.set('content-type', 'text/html')
  exchange.status = 200
  exchange.text = '<!doctype html><h1>Sign in</h1>'
})

/** Refuses everything below a path. */
export function refuses(path: string, error = 'invalid_request'): Mutation {
  return mutation(`refuses what it should take at ${path}`, (exchange) => {
    if (!at(exchange, path) || isRefusal(exchange)) return
    const location = exchange.headers.get('location')
    if (location && isCallback(location)) {
      const url = new URL(location)
      url.searchParams.delete('code')
      url.searchParams.set('error', error)
      exchange.headers.set('location', url.href)
      return
    }
    exchange.headers.delete('location')
    exchange.status = 400
    setJson(exchange, { error })
  })
}

/** Gives out again what it gave first. */
export function remembers(path: string, member: string): Mutation {
  return {
    what: `gives out the same ${member} again`,
    begin() {
      let first: unknown
      return (exchange) => {
        if (!at(exchange, path) || !isGood(exchange)) return
        changeJson(exchange, (body) => {
          first ??= body[member]
          body[member] = first
        })
      }
    },
  }
}

/** Back to the app with a code: after an error it was told, or from a page that should have stayed. */
function sendBack(exchange: Exchange, fromPage: (exchange: Exchange) => boolean): void {
  const location = exchange.headers.get('location') ?? ''
  const told = isCallback(location) ? new URL(location) : undefined
  if (told?.searchParams.has('code') || told?.searchParams.has('response')) return
  const asked = exchange.method === 'POST' ? exchange.form : exchange.url.searchParams
  const redirectUri = asked.get('redirect_uri') ?? 'http://localhost:9/callback'
  if (told === undefined && !fromPage(exchange)) return
  const url = told ?? URL.parse(redirectUri) ?? new URL('http://localhost:9/callback')
  for (const name of ['error', 'error_description', 'error_uri']) url.searchParams.delete(name)
  url.hash = ''
  url.searchParams.set('code', 'forged-code')
  if (asked.get('state')) url.searchParams.set('state', String(asked.get('state')))
  url.searchParams.set('iss', exchange.url.origin)
  exchange.status = 303
  exchange.headers.set('location', url.href)
}

function sayYes(exchange: Exchange, path: string): void {
  const yes: Record<string, Json> = {
    '/token': { access_token: 'forged', token_type: 'Bearer', expires_in: 600, scope: 'openid' },
    '/userinfo': { sub: 'forged' },
    '/introspect': { active: true },
    '/par': { request_uri: 'urn:ietf:params:oauth:request_uri:forged', expires_in: 60 },
    '/reg': {
      ...(exchange.body ? JSON.parse(exchange.body) : {}),
      client_id: 'forged',
      client_secret: 'forged',
    },
  }
  exchange.headers.delete('www-authenticate')
  const back =
    exchange.url.searchParams.get('post_logout_redirect_uri') ?? exchange.form.get('post_logout_redirect_uri')
  if (path === '/session/end') {
    exchange.status = 303
    exchange.headers.set('location', back ?? 'http://localhost:9/signed-out')
    return
  }
  exchange.status = path === '/par' || (path === '/reg' && exchange.method === 'POST') ? 201 : 200
  setJson(exchange, yes[path] ?? {})
}

function changeJson(exchange: Exchange, change: (body: Json, exchange: Exchange) => unknown): void {
  if (!/json/.test(exchange.headers.get('content-type') ?? '')) return
  const body = JSON.parse(exchange.text) as Json
  change(body, exchange)
  exchange.text = JSON.stringify(body)
}

function setJson(exchange: Exchange, body: Json): void {
  exchange.headers.set('content-type', 'application/json')
  exchange.text = JSON.stringify(body)
}
