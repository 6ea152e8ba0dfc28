/**
 * Requests of an app that a person answers elsewhere (OpenID Connect CIBA Core 1.0): what was asked, kept for as long as
 * it can be answered, under an id that is in the mail and opens nothing without a password. Answered once, by whoever is
 * first. Losing one costs a new request.
 */
import { sameDigest } from '../email/secrets.ts'
import type { Ephemeral, KeyedHash, Random } from '../ports.ts'

export interface Approval {
  id: string
  /** what the app polls with; a secret, sealed at rest as every value here */
  authReqId: string
  clientId: string
  /** who is asked; nobody has the id when the app named somebody unknown */
  accountId: string
  bindingMessage: string | undefined
  scopes: string[]
  claims: string[]
  resources: Record<string, string[]>
  /** ISO 8601 */
  askedAt: string
  /** epoch seconds */
  expiresAt: number
}

/** How long an answered or expired request still says so, in seconds. */
export const REMEMBERED = 600
const LINK = 'approval-link'

export class Approvals {
  readonly #deps: { ephemeral: Ephemeral; keyed: KeyedHash; random: Random }

  constructor(deps: { ephemeral: Ephemeral; keyed: KeyedHash; random: Random }) {
    this.#deps = deps
  }

  /** @param seconds until it expires */
  async open(approval: Omit<Approval, 'id'>, seconds: number): Promise<Approval> {
    const { ephemeral, random } = this.#deps
    const opened = { ...approval, id: random.id('apr') }
    await ephemeral.put(keyOf(opened.id), JSON.stringify(opened), seconds + REMEMBERED)
    return opened
  }

  async find(id: string): Promise<Approval | undefined> {
    const stored = await this.#deps.ephemeral.get(keyOf(id))
    return stored === undefined ? undefined : (JSON.parse(stored) as Approval)
  }

  /** `<id>.<mac>`: derived when the mail is sent, and stored nowhere. */
  linkToken(id: string): string {
    return `${id}.${this.#deps.keyed.digest(LINK, id).toString('base64url')}`
  }

  /** What a link stands for; undefined when it is none of ours, or long over. */
  async inspect(token: string): Promise<Approval | undefined> {
    const dot = Math.max(0, token.lastIndexOf('.'))
    const [id, mac] = [token.slice(0, dot), token.slice(dot + 1)]
    const { keyed } = this.#deps
    if (id === '' || !sameDigest(keyed, keyed.digests(LINK, id, 2 * REMEMBERED), mac)) return undefined
    return this.find(id)
  }

  /** So that the page says at once that it was answered; what decides is the answer itself (`answer.ts`). */
  noteDecided(id: string): Promise<void> {
    return this.#deps.ephemeral.put(decidedKey(id), '1', 2 * REMEMBERED)
  }

  async isDecided(id: string): Promise<boolean> {
    return (await this.#deps.ephemeral.get(decidedKey(id))) !== undefined
  }
}

const keyOf = (id: string) => `approval:${id}`
const decidedKey = (id: string) => `approval-decided:${id}`
