/** The web app's own sessions. They are in memory: a real app keeps them where all its processes find them. */
import { randomBytes } from 'node:crypto'
import type { IDToken, UserInfoResponse } from 'openid-client'

/** What is remembered between sending the browser to the provider and its return. */
export interface PendingSignIn {
  nonce: string
  codeVerifier: string
  /** a path of this app */
  returnTo: string
}

/** Who is signed in to this app, and the tokens that the app holds for them. They never reach the browser. */
export interface Account {
  sub: string
  /** The provider's own session (OpenID Connect Back-Channel Logout 1.0, section 2.1), when it names it. */
  sid: string | undefined
  idToken: string
  idTokenClaims: IDToken
  userinfo: UserInfoResponse
  accessToken: string
  accessTokenExpiresAt: Date | undefined
  refreshToken: string | undefined
  /** A second access token, for the API only. */
  apiToken: { value: string; expiresAt: Date } | undefined
}

export interface ApiCall {
  at: Date
  url: string
  withToken: boolean
  status: number
  wwwAuthenticate: string | null
  body: unknown
}

export interface Session {
  id: string
  startedAt: number
  /** By `state`: one browser may have begun to sign in in several tabs. */
  pending: Map<string, PendingSignIn>
  account: Account | undefined
  apiCall: ApiCall | undefined
  /** The `state` of a sign-out that has not come back yet. */
  signOutState: string | undefined
  /** Said once, on the next page. */
  notice: string | undefined
  /** Refreshes of this session wait for each other, since the provider may rotate the refresh token. */
  lastRefresh: Promise<unknown>
}

const MAX_SESSIONS = 500
const MAX_PENDING = 5
const LIFETIME_MS = 8 * 60 * 60 * 1000

export class Sessions {
  readonly #sessions = new Map<string, Session>()

  find(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : this.#sessions.get(id)
    if (session && session.startedAt + LIFETIME_MS < Date.now()) {
      this.#sessions.delete(session.id)
      return undefined
    }
    return session
  }

  create(): Session {
    const session: Session = {
      id: randomBytes(32).toString('base64url'),
      startedAt: Date.now(),
      pending: new Map(),
      account: undefined,
      apiCall: undefined,
      signOutState: undefined,
      notice: undefined,
      lastRefresh: Promise.resolve(),
    }
    this.#sessions.set(session.id, session)
    dropOldest(this.#sessions, MAX_SESSIONS)
    return session
  }

  delete(session: Session): void {
    this.#sessions.delete(session.id)
  }

  begin(session: Session, state: string, pending: PendingSignIn): void {
    session.pending.set(state, pending)
    dropOldest(session.pending, MAX_PENDING)
  }

  /** Signs out every session of that subject, or of that session at the provider only. Answers how many. */
  signOut(who: { sub: string | undefined; sid: string | undefined }, notice: string): number {
    let count = 0
    for (const session of this.#sessions.values()) {
      if (!session.account) continue
      if (who.sid !== undefined && session.account.sid !== who.sid) continue
      if (who.sub !== undefined && session.account.sub !== who.sub) continue
      forget(session)
      session.notice = notice
      count += 1
    }
    return count
  }
}

/** Ends what the session holds of its account. */
export function forget(session: Session): void {
  session.account = undefined
  session.apiCall = undefined
}

/** A map keeps the order in which its entries were put in. */
function dropOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return
    map.delete(key)
  }
}
