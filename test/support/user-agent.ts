/** A browser without JavaScript: cookies by host and path, forms read from the page, redirects followed one by one. */

interface Cookie {
  name: string
  value: string
  path: string
  host: string
}

export interface Page {
  status: number
  url: string
  headers: Headers
  text: string
  forms: PageForm[]
}

export interface PageForm {
  action: string
  method: string
  fields: [string, string][]
  /** named submit buttons: [name, value] */
  buttons: [string, string][]
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export class UserAgent {
  readonly #cookies: Cookie[] = []
  readonly #fetch: Fetch
  /** addresses a redirect leads to that are not fetched (the app's callback); the last one hit */
  stopAt: (url: string) => boolean = () => false

  /** @param send how requests travel; the network unless given */
  constructor(send: Fetch = fetch) {
    this.#fetch = send
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#request('GET', url, undefined, headers)
  }

  async post(
    url: string,
    fields: Record<string, string | string[]>,
    headers: Record<string, string> = {},
  ): Promise<Page> {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(fields))
      for (const entry of [value].flat()) body.append(name, entry)
    return this.#request('POST', url, body, headers)
  }

  /**
   * Fills and submits a form of the page: hidden and prefilled fields as they are, the given ones on top.
   * @param pick part of the form's action, or its index; the first form by default
   */
  async submit(
    page: Page,
    fields: Record<string, string | string[]> = {},
    pick: string | number = 0,
  ): Promise<Page> {
    const form =
      typeof pick === 'number' ? page.forms[pick] : page.forms.find(({ action }) => action.includes(pick))
    if (!form)
      throw new Error(`no form ${pick} on ${page.url} (${page.status}):\n${page.text.slice(0, 2000)}`)
    const all: Record<string, string | string[]> = {}
    for (const [name, value] of form.fields)
      all[name] = name in all ? [all[name] as string, value].flat() : value
    Object.assign(all, fields)
    return this.post(new URL(form.action || page.url, page.url).href, all)
  }

  cookie(name: string): string | undefined {
    return this.#cookies.find((cookie) => cookie.name.endsWith(name))?.value
  }

  /** The cookies of another, as they are now: a second tab whose requests are on their way already. */
  takeCookies(other: UserAgent): void {
    this.#cookies.splice(0, this.#cookies.length, ...other.#cookies.map((cookie) => ({ ...cookie })))
  }

  /** Forgets every cookie whose name ends so. */
  dropCookie(name: string): void {
    for (let index = this.#cookies.length - 1; index >= 0; index -= 1)
      if (this.#cookies[index]?.name.endsWith(name)) this.#cookies.splice(index, 1)
  }

  cookieHeader(url: string): string {
    const { hostname, pathname } = new URL(url)
    return this.#cookies
      .filter(
        ({ host, path }) =>
          host === hostname &&
          (pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)),
      )
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  async #request(
    method: string,
    url: string,
    body: URLSearchParams | undefined,
    headers: Record<string, string>,
  ): Promise<Page> {
    let current = { method, url, body }
    for (let hops = 0; hops < 20; hops += 1) {
      const cookie = this.cookieHeader(current.url)
      const response = await this.#fetch(current.url, {
        method: current.method,
        redirect: 'manual',
        headers: { accept: 'text/html', ...headers, ...(cookie === '' ? {} : { cookie }) },
        ...(current.body ? { body: current.body } : {}),
      })
      this.#store(current.url, response.headers.getSetCookie())
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status >= 400) {
        const text = await response.text()
        return {
          status: response.status,
          url: current.url,
          headers: response.headers,
          text,
          forms: formsOf(text),
        }
      }
      await response.arrayBuffer()
      const next = new URL(location, current.url).href
      if (this.stopAt(next))
        return { status: response.status, url: next, headers: response.headers, text: '', forms: [] }
      current = { method: 'GET', url: next, body: undefined }
    }
    throw new Error(`too many redirects from ${url}`)
  }

  #store(url: string, lines: string[]): void {
    const { hostname, pathname } = new URL(url)
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const of = (wanted: string) =>
        attributes.find((attribute) => attribute.toLowerCase().startsWith(`${wanted}=`))?.split('=')[1]
      const path = of('path') ?? (pathname.replace(/\/[^/]*$/, '') || '/')
      const index = this.#cookies.findIndex(
        (cookie) => cookie.name === name && cookie.path === path && cookie.host === hostname,
      )
      if (index >= 0) this.#cookies.splice(index, 1)
      const expires = of('expires')
      const gone = value === '' || (expires !== undefined && Date.parse(expires) < Date.now())
      if (!gone) this.#cookies.push({ name, value, path, host: hostname })
    }
  }
}

const unescapeHtml = (text: string) =>
  text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')

function attributesOf(tag: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const match of tag.matchAll(/([a-zA-Z_:-]+)(?:="([^"]*)")?/g))
    found[(match[1] ?? '').toLowerCase()] = unescapeHtml(match[2] ?? '')
  return found
}

function formsOf(html: string): PageForm[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head = '', inside = '']) => {
    const { action = '', method = 'get' } = attributesOf(head)
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/g)].map(([, tag = '']) => attributesOf(tag))
    const fields = inputs
      .filter(
        (input) => input.name && (!['checkbox', 'radio'].includes(input.type ?? '') || 'checked' in input),
      )
      .map((input): [string, string] => [input.name as string, input.value ?? ''])
    const buttons = [...inside.matchAll(/<button\b([^>]*)>/g)]
      .map(([, tag = '']) => attributesOf(tag))
      .filter((button) => button.name)
      .map((button): [string, string] => [button.name as string, button.value ?? ''])
    return { action, method: method.toLowerCase(), fields, buttons }
  })
}
