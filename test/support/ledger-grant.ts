/**
 * One session's grant for the app, as a client of the protocol sees it: codes, families of refresh tokens, access
 * tokens. Knows what must be true of each from the answers it was given, and tells the ledger what was not.
 *
 * The rule for refresh tokens: one successor each. Within the window after its first use a token may come again and
 * gets THAT successor (or, from a product without a window, `invalid_grant`); after it a reuse ends the grant.
 */
import { randomBytes } from 'node:crypto'
import type { Ledger } from './ledger.ts'
import type { Line, Reply } from './ledger-traffic.ts'
import { CALLBACK } from './relying-party.ts'

export const REFRESH_WINDOW_MS = 10_000

/** live: must work. unsure: an answer was lost, and nothing can be said any more. ended: must never work again. */
type State = 'live' | 'unsure' | 'ended'

/** An access token lives ten minutes; near its end nothing is asked of it. */
const ACCESS_MS = 9 * 60_000

interface Family {
  /** names it in the ledger and, as the nonce, in the database */
  nonce: string
  current: string
  access: string
  /** by this client's clock */
  issuedAt: number
}

export interface Code {
  value: string
  nonce: string
  verifier: string
}

export class LedgerGrant {
  readonly #ledger: Ledger
  readonly #line: Line
  readonly #clientId: string
  /** whether the product gives the same successor again within the window */
  readonly #windowed: boolean
  #state: State = 'live'
  readonly #families: Family[] = []
  /** the newest, as a hint for signing out */
  idToken = ''

  constructor(options: { ledger: Ledger; line: Line; clientId: string; windowed: boolean }) {
    this.#ledger = options.ledger
    this.#line = options.line
    this.#clientId = options.clientId
    this.#windowed = options.windowed
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  get live(): boolean {
    return this.#state === 'live'
  }

  get families(): readonly Family[] {
    return this.#families
  }

  /** Redeems a code; `again` presents it a second time afterwards, as a thief would. */
  async exchange(code: Code, again = false): Promise<void> {
    const item = `code ${code.nonce}`
    const { reply, lost } = await this.#token(item, 'sent', codeForm(this.#clientId, code))
    if (reply?.status === 200) {
      this.#ledger.acknowledge('code exchanged', item)
      this.#families.push(this.#with({ nonce: code.nonce, current: '', access: '', issuedAt: 0 }, reply))
      if (again) await this.#replay(item, code)
      return
    }
    if (reply?.status === 400 && this.live && !lost)
      this.#ledger.violated('I2', item, `a code nobody had used was refused: ${reply.text}`)
    // Redeemed by the try whose answer was lost, and then presented again: that may end all it brought.
    this.#doubt(item)
  }

  /** The newest refresh token of a family for its successor; `twice` sends it two times at once. */
  async refresh(family: Family, twice = false): Promise<void> {
    const item = `family ${family.nonce}`
    const before = this.#state
    const form = { grant_type: 'refresh_token', client_id: this.#clientId, refresh_token: family.current }
    const sent = performance.now()
    const tries = await Promise.all(
      (twice ? [1, 2] : [1]).map(() => this.#token(item, `refresh with ${brief(family.current)}`, form)),
    )
    const inWindow = performance.now() - sent < REFRESH_WINDOW_MS
    const answers = tries.flatMap(({ reply }) => (reply ? [reply] : []))
    const granted = answers.filter(({ status }) => status === 200)
    const refused = answers.find(({ status }) => status === 400)
    if (new Set(granted.map(({ json }) => json.refresh_token)).size > 1)
      this.#ledger.violated('I1', item, 'one refresh token brought two successors')
    if (granted[0]) {
      this.#ledger.acknowledge('token refreshed', item)
      this.#with(family, granted[0])
      if (before === 'ended') this.#ledger.violated('I4', item, 'a refresh token of an ended grant was taken')
    }
    const retried = twice || tries.some(({ lost }) => lost)
    if (refused && before === 'live' && (!retried || (this.#windowed && inWindow)))
      this.#ledger.violated('I2', item, `a live refresh token was refused: ${refused.text}`)
    // Without a window a second presentation is refused, and may have ended the grant.
    if (refused ? before === 'live' : granted.length === 0) this.#doubt(item)
  }

  /** Asks for the person with the newest access token. */
  async userinfo(family: Family): Promise<void> {
    if (performance.now() - family.issuedAt > ACCESS_MS) return
    const item = `family ${family.nonce}`
    const before = this.#state
    const reply = await this.#ask('GET', '/userinfo', {
      headers: { authorization: `Bearer ${family.access}` },
    })
    if (!reply || reply.status === 503) return
    this.#ledger.note(item, `userinfo ${reply.status}`)
    if (reply.status === 200 && before === 'ended')
      this.#ledger.violated('I4', item, 'an access token of an ended grant was taken')
    if (reply.status === 401 && before === 'live')
      this.#ledger.violated('I2', item, `an acknowledged access token was refused: ${reply.text}`)
  }

  /** RFC 7009: the refresh token, and with it everything under its grant. */
  async revoke(family: Family): Promise<void> {
    const item = `family ${family.nonce}`
    this.#ledger.note(item, 'revocation sent')
    const form = { client_id: this.#clientId, token: family.current, token_type_hint: 'refresh_token' }
    const reply = await this.#ask('POST', '/revoke', { form })
    if (reply?.status === 200) {
      this.#ledger.acknowledge('revocation', item)
      this.#end(item, 'revoked')
    } else {
      this.#ledger.note(item, `revocation answered ${reply?.status}`)
      this.#doubt(item)
    }
  }

  /** Something above it was ended: its session, its person's password. */
  endedBy(why: string): void {
    this.#end('', why)
  }

  /** Something above it may have been ended. */
  doubt(): void {
    this.#doubt('')
  }

  /** What is ended must be refused; what is live must work. */
  async check(): Promise<void> {
    if (this.#state === 'unsure') return
    for (const family of [...this.#families]) {
      await this.userinfo(family)
      await this.refresh(family)
    }
  }

  async #replay(item: string, code: Code): Promise<void> {
    const second = await this.#token(item, 'code sent again', codeForm(this.#clientId, code))
    if (second.reply?.status === 200) this.#ledger.violated('I1', item, 'a code brought two sets of tokens')
    else if (second.reply?.status === 400 && !second.lost) this.#end(item, 'its code came twice')
    else this.#doubt(item)
  }

  async #token(item: string, line: string, form: Record<string, string>) {
    this.#ledger.note(item, line)
    const before = this.#line.lost
    const reply = await this.#ask('POST', '/token', { form })
    const lost = this.#line.lost > before
    const answer = reply ? `${reply.status} ${reply.json?.error ?? ''}` : 'no answer'
    const successor = reply?.json?.refresh_token ? ` ${brief(reply.json.refresh_token)}` : ''
    this.#ledger.note(item, `answered ${answer}${successor}${lost ? ' (a try was lost before)' : ''}`)
    return { reply, lost }
  }

  #ask(...request: Parameters<Line['send']>): Promise<Reply | undefined> {
    return this.#line.send(...request).catch(() => undefined)
  }

  #with(family: Family, { json }: Reply): Family {
    if (json.id_token) this.idToken = String(json.id_token)
    family.current = String(json.refresh_token)
    family.access = String(json.access_token)
    family.issuedAt = performance.now()
    return family
  }

  #end(item: string, why: string): void {
    this.#state = 'ended'
    this.#noteAll(item, `ended: ${why}`)
  }

  #doubt(item: string): void {
    if (this.#state !== 'live') return
    this.#state = 'unsure'
    this.#noteAll(item, 'unsure from here on')
  }

  #noteAll(item: string, line: string): void {
    const items = new Set([item, ...this.#families.map(({ nonce }) => `family ${nonce}`)])
    items.delete('')
    for (const each of items) this.#ledger.note(each, line)
  }
}

export function newNonce(): string {
  return randomBytes(9).toString('base64url')
}

function codeForm(clientId: string, { value, verifier }: Code): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: value,
    redirect_uri: CALLBACK,
    code_verifier: verifier,
  }
}

const brief = (token: string) => token.slice(0, 6)
