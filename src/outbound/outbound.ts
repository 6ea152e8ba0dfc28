/**
 * Everything that the provider fetches or calls by HTTP goes out here (`jwks_uri`, `sector_identifier_uri`,
 * back-channel logout …). Most of these addresses were chosen by strangers, so: https only; every address that the
 * name resolves to must be a public one, and it is one of these that is connected to, whatever the name resolves to a
 * moment later; no redirects; a limit on time and size, the body included; an address that keeps failing is left alone
 * for a while. Only origins that the operator listed may be on a private network, or without TLS.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { BreakerState } from '../lib/breaker.ts'
import { isSpecialUse } from './addresses.ts'
import { OutboundError } from './error.ts'
import { exchange, type Message, NotConnected } from './exchange.ts'
import { Hosts } from './hosts.ts'

export interface OutboundRequest {
  method?: string | undefined
  headers?: ConstructorParameters<typeof Headers>[0] | undefined
  body?: string | URLSearchParams | undefined
  /** of the answer's body; 64 KiB unless given */
  maxBytes?: number | undefined
  /** for all of it: the name, the connection, the answer with its body; 2.5 s unless given */
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
}

export interface OutboundOptions {
  /** origins that go without the guard: the operator's own */
  allow: readonly string[]
  /** all addresses of a name, those to try first first */
  resolve?: (name: string) => Promise<string[]>
  /** which addresses nobody is sent to */
  denies?: (address: string) => boolean
  /** told each time an address (host and path) is left alone from now on */
  onPaused?: (place: string, error: unknown) => void
  /** milliseconds, for the pauses; tests move it */
  now?: () => number
}

export interface OutboundState {
  open: number
  halfOpen: number
  /** addresses (host and path) that failed lately, at most 1000 */
  hosts: { host: string; state: BreakerState }[]
}

const MAX_BYTES = 64 * 1024
const TIMEOUT_MS = 2500
/** addresses of one name that are tried at most */
const MOST_ADDRESSES = 3

export class Outbound {
  readonly #allow: ReadonlySet<string>
  readonly #resolve: (name: string) => Promise<string[]>
  readonly #denies: (address: string) => boolean
  readonly #hosts: Hosts

  constructor({ allow, resolve, denies, onPaused, now }: OutboundOptions) {
    this.#allow = new Set(allow)
    this.#resolve = resolve ?? resolveBySystem
    this.#denies = denies ?? isSpecialUse
    this.#hosts = new Hosts({ onOpen: onPaused, now })
  }

  /**
   * The whole answer, whatever its status; a redirect is an answer like any other.
   * @throws OutboundError
   */
  async fetch(address: URL | string, request: OutboundRequest = {}): Promise<Response> {
    const url = this.#checked(address)
    const place = placeOf(url)
    if (!this.#hosts.admits(place))
      throw new OutboundError('paused', `${url.host} failed too often; it is left alone for a while`)
    const { timeoutMs = TIMEOUT_MS } = request
    const limit = AbortSignal.timeout(timeoutMs)
    const signal = request.signal ? AbortSignal.any([limit, request.signal]) : limit
    try {
      const response = await this.#reach(messageOf(url, request, signal))
      if (response.status >= 500) this.#hosts.failed(place, new Error(`status ${response.status}`))
      else this.#hosts.worked(place)
      return response
    } catch (thrown) {
      const error = nameFailure(thrown, url.host, signal)
      this.#note(place, error)
      throw error
    }
  }

  /**
   * Why an address would not be called, in a sentence; undefined: nothing speaks against it now. Nothing is sent, and each
   * call looks anew.
   */
  async refusal(address: string): Promise<string | undefined> {
    try {
      await this.#addressesOf(this.#checked(address), AbortSignal.timeout(TIMEOUT_MS))
    } catch (error) {
      if (error instanceof OutboundError && error.failure === 'refused') return error.message
    }
    return undefined
  }

  /** How the hosts are doing. */
  snapshot(): OutboundState {
    const hosts = this.#hosts.states()
    const count = (wanted: BreakerState) => hosts.filter(({ state }) => state === wanted).length
    return { open: count('open'), halfOpen: count('half-open'), hosts }
  }

  /** What needs no look-up to be refused. */
  #checked(address: URL | string): URL {
    const url = URL.parse(String(address))
    if (!url) throw new OutboundError('refused', 'not an absolute URL')
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && this.#allow.has(url.origin)))
      throw new OutboundError('refused', `${url.host}: only https, unless the operator listed the origin`)
    if (url.username !== '' || url.password !== '')
      throw new OutboundError('refused', `${url.host}: no user names in addresses`)
    return url
  }

  async #reach(message: Message): Promise<Response> {
    let last: unknown
    for (const address of await this.#addressesOf(message.url, message.signal)) {
      try {
        return await exchange(address, message)
      } catch (error) {
        if (!(error instanceof NotConnected) || message.signal.aborted) throw error
        last = error
      }
    }
    throw last
  }

  /** Addresses that may be connected to; none is looked up again. One that may not be refuses the whole name. */
  async #addressesOf(url: URL, signal: AbortSignal): Promise<string[]> {
    const name = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(name) ? [name] : await inTime(this.#resolve(name), signal)
    if (addresses.length === 0) throw new Error('the name has no address')
    const denied = this.#allow.has(url.origin) ? undefined : addresses.find((each) => this.#denies(each))
    if (denied !== undefined)
      throw new OutboundError(
        'refused',
        `${url.host} leads to ${denied}, which is not on the public internet`,
      )
    return addresses.slice(0, MOST_ADDRESSES)
  }

  #note(place: string, error: OutboundError): void {
    if (error.failure === 'refused' || error.failure === 'given-up') this.#hosts.abandoned(place)
    // It answered, only too much.
    else if (error.failure === 'too-large') this.#hosts.worked(place)
    else this.#hosts.failed(place, error)
  }
}

/**
 * What is left alone when it fails: not the whole host, or anybody who may name an address there that fails would keep
 * us from those that others of its applications named.
 */
function placeOf({ host, pathname }: URL): string {
  return host + pathname
}

function messageOf(url: URL, request: OutboundRequest, signal: AbortSignal): Message {
  const { method = 'GET', maxBytes = MAX_BYTES, body } = request
  const headers = new Headers(request.headers)
  if (body instanceof URLSearchParams && !headers.has('content-type'))
    headers.set('content-type', 'application/x-www-form-urlencoded')
  // The engine blanks it so as not to tell what it is; that is told best by saying nothing.
  if (headers.get('user-agent') === '') headers.delete('user-agent')
  if (body !== undefined) headers.set('content-length', String(Buffer.byteLength(String(body))))
  return { url, method, headers, body: body === undefined ? undefined : String(body), maxBytes, signal }
}

function nameFailure(error: unknown, host: string, signal: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error
  if (!signal.aborted)
    return new OutboundError('unreachable', `${host}: ${(error as Error | undefined)?.message}`, error)
  const timedOut = (signal.reason as { name?: string } | undefined)?.name === 'TimeoutError'
  return timedOut
    ? new OutboundError('too-slow', `${host} did not answer in time`, error)
    : new OutboundError('given-up', `${host}: no longer wanted`, error)
}

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}

/** A look-up cannot be called off; what comes of it after the signal is not waited for. */
function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
