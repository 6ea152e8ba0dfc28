/**
 * Clients that go on and on, and write down every answer that is not the one they must get: an app by its own name, an
 * API that introspects, a chain of refresh tokens, a reader of metadata, a person who comes to sign in.
 */
import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALLBACK, RP_SECRET } from './relying-party.ts'
import { type Page, UserAgent } from './user-agent.ts'

export const MACHINE = {
  client_id: 'machine',
  client_secret: RP_SECRET,
  client_name: 'Nightly job',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}

const BASIC = `Basic ${Buffer.from(`machine:${RP_SECRET}`).toString('base64')}`
const VERIFIER = 'v'.repeat(43)
/** between two requests of one client */
const BREATH_MS = 5

export const AUTHORIZATION = `/auth?${form({
  client_id: 'spa',
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid email',
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
})}`

export interface Answer {
  status: number
  text: string
}

export class SteadyLoad {
  readonly #origin: string
  readonly #agent = new Agent({ keepAlive: true })
  #going = true
  #clients: Promise<void>[] = []
  /** answers so far, by client */
  readonly counts: Record<string, number> = {}
  /** every answer that was not as it must be */
  readonly failures: string[] = []

  /** @param origin of a balancer, or of a node behind none */
  constructor(origin: string) {
    this.#origin = origin
  }

  /** @param refreshTokens one chain for each */
  start(refreshTokens: readonly string[]): void {
    this.#clients = [
      this.#client('client credentials', async () => {
        const answer = await this.#post('/token', { grant_type: 'client_credentials' }, BASIC)
        return answer.status === 200 ? undefined : answer
      }),
      this.#introspecting(),
      this.#client('discovery', async () => {
        const answer = await this.#send('GET', '/.well-known/openid-configuration')
        return answer.status === 200 ? undefined : answer
      }),
      this.#client('sign-in page', async () => {
        const page = await this.#signInPage()
        return page.status === 200 && page.forms.some(({ action }) => action.endsWith('/sign-in'))
          ? undefined
          : page
      }),
      ...refreshTokens.map((token, index) => this.#refreshing(`refresh ${index}`, token)),
    ]
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#clients)
    this.#agent.destroy()
  }

  async #client(name: string, once: () => Promise<Answer | undefined>): Promise<void> {
    this.counts[name] = 0
    while (this.#going) {
      const wrong = await once().catch((error: Error) => ({ status: 0, text: String(error.cause ?? error) }))
      if (wrong)
        this.failures.push(`${new Date().toISOString()} ${name}: ${wrong.status} ${wrong.text.slice(0, 300)}`)
      this.counts[name] = (this.counts[name] ?? 0) + 1
      await sleep(BREATH_MS)
    }
  }

  #introspecting(): Promise<void> {
    let token: string | undefined
    return this.#client('introspection', async () => {
      if (token === undefined) {
        const issued = await this.#post('/token', { grant_type: 'client_credentials' }, BASIC)
        if (issued.status !== 200) return issued
        token = JSON.parse(issued.text).access_token as string
      }
      const answer = await this.#post('/introspect', { token }, BASIC)
      return answer.status === 200 && JSON.parse(answer.text).active === true ? undefined : answer
    })
  }

  /** Each answer brings the next token; a chain that broke stays broken, and says so each time. */
  #refreshing(name: string, first: string): Promise<void> {
    let token = first
    return this.#client(name, async () => {
      const fields = { grant_type: 'refresh_token', client_id: 'spa', refresh_token: token }
      const answer = await this.#post('/token', fields)
      if (answer.status !== 200) return answer
      const next = JSON.parse(answer.text).refresh_token as string
      if (next === token) return { status: 200, text: 'the refresh token did not rotate' }
      token = next
      return undefined
    })
  }

  async #signInPage(): Promise<Page> {
    return await new UserAgent().get(this.#origin + AUTHORIZATION)
  }

  #post(path: string, fields: Record<string, string>, authorization?: string): Promise<Answer> {
    return this.#send('POST', path, form(fields), authorization ? { authorization } : {})
  }

  #send(method: string, path: string, body = '', headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const own = body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
      const options = { method, agent: this.#agent, headers: { ...own, ...headers } }
      const outgoing = request(this.#origin + path, options, (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text }))
        incoming.once('error', reject)
      })
      outgoing.once('error', reject)
      outgoing.end(body)
    })
  }
}

/** Exchanges the code of a callback address; answers the refresh token. */
export async function refreshTokenOf(origin: string, callback: string): Promise<string> {
  const code = new URL(callback).searchParams.get('code') ?? ''
  const answer = await fetch(`${origin}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'spa',
      code,
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    }),
  })
  const tokens = (await answer.json()) as { refresh_token?: string }
  if (!tokens.refresh_token) throw new Error(`no refresh token: ${answer.status} ${JSON.stringify(tokens)}`)
  return tokens.refresh_token
}

function form(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString()
}
