/**
 * What lies between two requests of a sign-in without a browser, under a value that the app carries (`auth_session`).
 * The value is a secret: at rest there is a digest of it, made with the id of the client it was given to, so that for
 * any other client it does not exist. It is good for one request.
 */
import type { Ephemeral, KeyedHash, Random } from '../ports.ts'
import type { Progress } from './progress.ts'

/** seconds from the password to the last step */
export const AUTH_SESSION_SECONDS = 900
const PURPOSE = 'auth-session'
const VALUE = /^([\w-]{20,64})\.[\w-]{43}$/

export interface AuthSession {
  /** of the pushed request it goes on with; in the value, not in the store */
  requestId: string
  /** names the sign-in in mails and records; no secret */
  flow: string
  progress: Progress
  /** epoch seconds */
  until: number
}

type Stored = Omit<AuthSession, 'requestId'>

export class AuthSessions {
  readonly #deps: { ephemeral: Ephemeral; keyed: KeyedHash; random: Random }

  constructor(deps: { ephemeral: Ephemeral; keyed: KeyedHash; random: Random }) {
    this.#deps = deps
  }

  /** Keeps it under a new value. */
  async give(clientId: string, session: AuthSession, now: number): Promise<string> {
    const value = `${session.requestId}.${this.#deps.random.token(32)}`
    await this.giveBack(clientId, value, session, now)
    return value
  }

  /** Under the value it was taken with, because nothing came of the request. */
  async giveBack(clientId: string, value: string, session: AuthSession, now: number): Promise<void> {
    const { flow, progress, until } = session
    const stored: Stored = { flow, progress, until }
    const [key] = this.#keys(clientId, value)
    await this.#deps.ephemeral.put(key as string, JSON.stringify(stored), Math.max(1, until - now))
  }

  /** For one of any number of callers; undefined when it was used, has expired or was given to another client. */
  async take(clientId: string, value: string): Promise<AuthSession | undefined> {
    const requestId = VALUE.exec(value)?.[1]
    if (requestId === undefined) return undefined
    for (const key of this.#keys(clientId, value)) {
      const stored = await this.#deps.ephemeral.take(key)
      if (stored !== undefined) return { ...(JSON.parse(stored) as Stored), requestId }
    }
    return undefined
  }

  /** Current first; one may be older than the key. */
  #keys(clientId: string, value: string): string[] {
    return this.#deps.keyed
      .digests(PURPOSE, `${clientId}\0${value}`, AUTH_SESSION_SECONDS)
      .map((digest) => `${PURPOSE}:${digest.toString('base64url')}`)
  }
}
