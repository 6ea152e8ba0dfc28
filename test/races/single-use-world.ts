/** Where the races of `single-use.test.ts` are run: two nodes on one Postgres, people, apps with keys, mails. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import pg from 'pg'
import { newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'
import { ISSUER, Nodes } from '../support/ledger-nodes.ts'
import { Line, Traffic } from '../support/ledger-traffic.ts'
import { CALLBACK, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

export const INITIAL_ACCESS_TOKEN = 'an-initial-access-token-of-the-races-0123456789'
export const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')
const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const MAIL_MS = 20_000

export interface Answer {
  status: number
  text: string
  location: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes, looked at by the judges
  json: any
}

export interface Keys {
  privateKey: CryptoKey
  jwk: JWK
}

export const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()

export class World {
  readonly database: pg.Client
  readonly nodes: Nodes
  /** of the app that signs its assertions, and of apps that prove possession */
  readonly keys: Keys
  readonly #sink: SmtpSink
  readonly #traffic: Traffic
  /** kept alive, so that all are on their way before the first is answered */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #undo: (() => unknown)[]
  #addresses = 0

  private constructor(parts: {
    database: pg.Client
    nodes: Nodes
    keys: Keys
    sink: SmtpSink
    undo: (() => unknown)[]
  }) {
    this.database = parts.database
    this.nodes = parts.nodes
    this.keys = parts.keys
    this.#sink = parts.sink
    this.#undo = parts.undo
    this.#traffic = new Traffic({ issuer: ISSUER, ports: () => parts.nodes.ports, perSecond: 10_000 })
  }

  static async start(): Promise<World> {
    const undo: (() => unknown)[] = []
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    const database = new pg.Client({ connectionString: url })
    await database.connect()
    undo.push(() => database.end())
    const sink = await new SmtpSink().start()
    undo.push(() => sink.stop())
    const keys = await newKeys()
    const settings = { DATABASE_URL: url, SMTP_URL: sink.url, INITIAL_ACCESS_TOKEN }
    const nodes = await Nodes.start(2, settings, clients(keys))
    undo.push(() => nodes.dispose())
    return new World({ database, nodes, keys, sink, undo })
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    for (const step of this.#undo.toReversed()) await step()
  }

  /** An address of its own: the limits for one network are not what is tested here. */
  newAddress(): string {
    this.#addresses += 1
    return `10.77.${this.#addresses >> 8}.${this.#addresses & 255}`
  }

  browser(): UserAgent {
    const browser = new UserAgent(new Line(this.#traffic, this.newAddress()).fetch)
    browser.stopAt = (url) => url.startsWith('http://localhost:9/')
    return browser
  }

  /** One of many at once: straight to the port of the node whose turn it is. */
  send(
    index: number,
    method: string,
    path: string,
    options: { form?: Record<string, string>; json?: object; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { ports } = this.nodes
    const body = options.form ? form(options.form) : options.json && JSON.stringify(options.json)
    const type = options.form ? 'application/x-www-form-urlencoded' : 'application/json'
    const headers: Record<string, string> = {
      host: new URL(ISSUER).host,
      'x-forwarded-for': this.#addresses > 0 ? `10.78.0.${index + 1}` : '',
      ...(body === undefined ? {} : { 'content-type': type, 'content-length': `${Buffer.byteLength(body)}` }),
      ...options.headers,
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port: ports[index % ports.length], method, path, agent: this.#agent, headers },
        (incoming) => {
          let text = ''
          incoming.setEncoding('utf8')
          incoming.on('data', (chunk) => {
            text += chunk
          })
          incoming.on('end', () => {
            const isJson = /json/.test(incoming.headers['content-type'] ?? '')
            const location = incoming.headers.location ?? ''
            const json = isJson && text ? JSON.parse(text) : {}
            resolve({ status: incoming.statusCode ?? 0, text, location, json })
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  token(index: number, fields: Record<string, string>, headers: Record<string, string> = {}) {
    return this.send(index, 'POST', '/token', { form: fields, headers })
  }

  authorization(more: Record<string, string> = {}): string {
    return `/auth?${form({
      client_id: 'spa',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...more,
    })}`
  }

  /** A code for nothing but a request: the browser's session is there. */
  async code(browser: UserAgent, more: Record<string, string> = {}): Promise<string> {
    const { url, status, text } = await browser.get(
      `${ISSUER}${this.authorization({ prompt: 'none', ...more })}`,
    )
    const code = new URL(url).searchParams.get('code')
    if (!code) throw new Error(`no code: ${status} ${url} ${text.slice(0, 500)}`)
    return code
  }

  /** As far as the page that asks for the code of the mail. */
  async beginRegistration(
    email: string,
    seen = 0,
  ): Promise<{ browser: UserAgent; verify: Page; mail: string }> {
    const browser = this.browser()
    const signIn = await browser.get(ISSUER + this.authorization())
    const page = await browser.get(`${signIn.url}/register`)
    const verify = await browser.submit(page, { email, password: PASSWORD }, '/register')
    return { browser, verify, mail: await this.mail(email, '/verify-email/', seen) }
  }

  /** Signed in, consent given. */
  async register(email: string): Promise<UserAgent> {
    const { browser, verify, mail } = await this.beginRegistration(email)
    const consent = await browser.submit(verify, { code: codeIn(mail) }, '/verify-email')
    const done = await browser.submit(consent, {}, '/consent')
    if (!done.url.includes('code=')) throw new Error(`no code for ${email}: ${done.status} ${done.url}`)
    return browser
  }

  /** The text of the mail to an address that holds `words`, after the first `seen` of them. */
  async mail(to: string, words: string, seen = 0): Promise<string> {
    const deadline = performance.now() + MAIL_MS
    while (performance.now() < deadline) {
      const texts = this.#sink.mails
        .filter((mail) => mail.to.includes(to))
        .map(({ parsed }) => parsed.text ?? '')
      const text = texts.filter((each) => each.includes(words))[seen]
      if (text !== undefined) return text
      await sleep(20)
    }
    throw new Error(`no mail number ${seen + 1} to ${to}`)
  }

  /** The first administrator's link, from the command line; opens the setup again if it was done. */
  async setupLink(): Promise<string> {
    // The last owner cannot be deleted row by row: the database sees to it.
    await this.database.query('truncate user_roles')
    const { stdout, stderr } = this.#command('setup-link')
    const link = /^https:\/\/id\.example\.test(\/setup\/\S+)$/m.exec(stdout)?.[1]
    if (!link) throw new Error(`no link: ${stdout} ${stderr}`)
    return link
  }

  /** For one registration, from the command line. */
  initialAccessToken(): string {
    const { stdout, stderr } = this.#command(
      'initial-access-token',
      'create',
      newName('token'),
      '--uses',
      '1',
    )
    const [value = ''] = stdout.split('\n')
    if (value.length < 32) throw new Error(`no token: ${stdout} ${stderr}`)
    return value
  }

  #command(...words: string[]) {
    return ostiary(this.nodes.settings, words)
  }

  /** A token of the API, of somebody new who may create people. */
  async adminToken(): Promise<string> {
    const email = `${newName('admin')}@example.org`
    const browser = await this.register(email)
    await this.database.query(
      "insert into user_roles (user_id, role) select id, 'admin' from users where email = $1",
      [email],
    )
    const resource = `${ISSUER}/api`
    const code = await this.code(browser, { client_id: 'phone', scope: 'openid users:write', resource })
    const { json, text } = await this.token(
      0,
      {
        ...{ grant_type: 'authorization_code', code, redirect_uri: CALLBACK },
        ...{ code_verifier: VERIFIER, resource },
      },
      { authorization: basicOf('phone') },
    )
    if (!json.access_token) throw new Error(`no token of the API: ${text}`)
    return json.access_token
  }

  /** A client assertion (RFC 7523 2.2) of the app `keyed`. */
  assertion(): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({
      iss: 'keyed',
      sub: 'keyed',
      aud: ISSUER,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'client-key' })
      .sign(this.keys.privateKey)
  }

  /** A DPoP proof (RFC 9449 4.2). */
  proof(method: string, path: string, accessToken?: string): Promise<string> {
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    const claims = { htm: method, htu: ISSUER + path, ...(ath ? { ath } : {}) }
    const { kty, crv, x, y } = this.keys.jwk
    return new SignJWT({ jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } as JWK })
      .sign(this.keys.privateKey)
  }

  /** The only number a query answers. */
  async count(sql: string, ...values: unknown[]): Promise<number> {
    const { rows } = await this.database.query({ text: sql, values, rowMode: 'array' })
    return Number(rows[0]?.[0])
  }

  /** Effects as the audit log counts them: one record for each. */
  audited(name: string, email?: string): Promise<number> {
    return this.count(
      `select count(*) from audit_events a left join users u on u.id = a.user_id
       where a.name = $1 and ($2::text is null or u.email = $2)`,
      name,
      email ?? null,
    )
  }
}

export const codeIn = (mail: string) => /\b(\d{3}) ?(\d{3})\b/.exec(mail)?.slice(1).join('') ?? ''

/** Fields of a form as the page has them. */
export function fieldsOf(page: Page, action: string): Record<string, string> {
  const found = page.forms.find((each) => each.action.includes(action))
  if (!found)
    throw new Error(`no form ${action} on ${page.url} (${page.status}): ${page.text.slice(0, 3000)}`)
  return Object.fromEntries(found.fields)
}

export const newName = (what: string) => `${what}-${randomBytes(4).toString('hex')}`

export const basicOf = (id: string) => `Basic ${Buffer.from(`${id}:${RP_SECRET}`).toString('base64')}`
export const BASIC = basicOf('machine')

async function newKeys(): Promise<Keys> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { privateKey, jwk: await exportJWK(publicKey) }
}

function clients({ jwk }: Keys): object[] {
  const none = { redirect_uris: [], post_logout_redirect_uris: [], response_types: [] }
  const machine = { ...none, grant_types: ['client_credentials'] }
  const { client_secret: _, ...keyed } = webClient({ client_id: 'keyed', ...machine })
  const { client_secret: __, ...tv } = webClient({ client_id: 'tv', ...none })
  return [
    webClient({ client_id: 'machine', ...machine }),
    {
      ...keyed,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ ...jwk, kid: 'client-key', alg: 'ES256', use: 'sig' }] },
    },
    { ...tv, token_endpoint_auth_method: 'none', grant_types: [DEVICE_GRANT, 'refresh_token'] },
    webClient({
      client_id: 'till',
      ...none,
      grant_types: [CIBA_GRANT],
      backchannel_token_delivery_mode: 'poll',
    }),
    webClient({ client_id: 'phone', first_party: true, first_party_challenge: true }),
  ]
}
