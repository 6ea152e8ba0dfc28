/**
 * The wire between the mirror and the provider: every request of a check goes through one, and a breakage put on it
 * alters the answers on their way. A check that does not notice the breakage of what it guards checks nothing.
 */

/** One request and its answer; a breakage changes the answer in place. */
export interface Exchange {
  readonly method: string
  readonly url: URL
  /** of the request: a form, or empty */
  readonly form: URLSearchParams
  readonly body: string
  readonly sent: Headers
  status: number
  headers: Headers
  text: string
}

/** A deliberate breakage. */
export interface Mutation {
  /** what is broken, as a sentence's end: "the provider …" */
  readonly what: string
  /** begins anew for each check: what it remembers is of that check alone */
  begin(): Alter
}
export type Alter = (exchange: Exchange) => unknown

export class Wire {
  readonly #alter: Alter | undefined
  /** answers that the breakage changed; none means that it was not put where the check looks */
  altered = 0

  constructor(mutation?: Mutation) {
    this.#alter = mutation?.begin()
  }

  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(url, { ...init, redirect: 'manual' })
    const exchange: Exchange = {
      method: init.method ?? 'GET',
      url: new URL(url),
      form: init.body instanceof URLSearchParams ? init.body : new URLSearchParams(),
      body: typeof init.body === 'string' ? init.body : '',
      sent: new Headers(init.headers),
      status: response.status,
      headers: new Headers(response.headers),
      text: await response.text(),
    }
    await this.apply(exchange)
    const { status, headers, text } = exchange
    return new Response(status === 204 || status === 304 ? null : text, { status, headers })
  }

  /** Puts the breakage, if there is one, on a message that was received. */
  async apply(exchange: Exchange): Promise<void> {
    if (!this.#alter) return
    const before = fingerprint(exchange)
    await this.#alter(exchange)
    if (fingerprint(exchange) !== before) this.altered += 1
  }
}

function fingerprint({ status, headers, text }: Exchange): string {
  return JSON.stringify([status, [...headers], text])
}
