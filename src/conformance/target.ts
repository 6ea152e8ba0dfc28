/**
 * The deployment that is asked: its one origin, over HTTP and nothing else. Nothing that a server answers sends a
 * request elsewhere: redirects are looked at, not followed, and addresses of another origin are not asked.
 */

/** A client that is registered there, as far as it is needed to ask in its name. */
export interface TargetClient {
  id: string
  /** absent: a public client */
  secret?: string
  auth: 'client_secret_basic' | 'client_secret_post' | 'none'
  /** registered, exactly so */
  redirectUri: string
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** `undefined` where the answer is no JSON */
  json: Record<string, unknown> | undefined
}

/** Not a failure: there is nothing to ask, and why. */
export class Skipped extends Error {}

export type Form = Record<string, string>

const TIMEOUT_MS = 10_000
/** nothing that is asked for here is larger */
const BODY_MAX = 512 * 1024

export class Target {
  readonly issuer: string
  readonly client: TargetClient | undefined
  /** how many requests were sent */
  requests = 0
  readonly #answers = new Map<string, Promise<Answer>>()

  /** @param issuer an http or https address without query and fragment */
  constructor(issuer: string, client?: TargetClient) {
    this.issuer = issuer
    this.client = client
  }

  /** The discovery document; asked for once. */
  async metadata(): Promise<Record<string, unknown>> {
    const { json } = await this.get(this.wellKnown())
    return json ?? {}
  }

  /** OpenID Connect Discovery 1.0, 4: appended, also where the issuer has a path. */
  wellKnown(): string {
    return `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  }

  /**
   * An address out of the discovery document.
   * @throws Skipped where it is not there, or on another origin
   */
  async endpoint(name: string): Promise<URL> {
    const value = (await this.metadata())[name]
    const url = typeof value === 'string' ? URL.parse(value) : null
    if (!url) throw new Skipped(`the discovery document names no ${name}`)
    this.#assertOwn(url)
    return url
  }

  /** The same answer for the same question: a page is asked for once, however much is looked at in it. */
  get(url: URL | string, headers: Record<string, string> = {}): Promise<Answer> {
    const key = JSON.stringify([String(url), headers])
    const known = this.#answers.get(key) ?? this.#send('GET', url, headers)
    this.#answers.set(key, known)
    return known
  }

  post(url: URL | string, form: Form, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send('POST', url, headers, new URLSearchParams(form))
  }

  postJson(url: URL | string, body: unknown): Promise<Answer> {
    return this.#send('POST', url, { 'content-type': 'application/json' }, JSON.stringify(body))
  }

  options(url: URL | string, headers: Record<string, string>): Promise<Answer> {
    return this.#send('OPTIONS', url, headers)
  }

  async #send(
    method: string,
    url: URL | string,
    headers: Record<string, string>,
    body?: string | URLSearchParams,
  ): Promise<Answer> {
    this.#assertOwn(new URL(url))
    this.requests += 1
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { accept: 'application/json', 'user-agent': 'ostiary-conformance', ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await readBody(response)
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  }

  #assertOwn(url: URL): void {
    if (url.origin !== new URL(this.issuer).origin)
      throw new Skipped(`${url.origin} is not the issuer’s origin, and only that is asked`)
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > BODY_MAX) throw new Error(`the answer is larger than ${BODY_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
