/** The API as a program uses it: people with roles, tokens got by a real sign-in, requests as JSON. */
import type * as client from 'openid-client'
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts'
import { createPerson } from './people.ts'
import { type Answer, type ProtocolApp, type SendOptions, send, sendJson, signIn } from './protocol.ts'
import { discover } from './relying-party.ts'
import type { UserAgent } from './user-agent.ts'

/** The operator's own app, which may ask for everything. */
export const CONSOLE = { first_party: true } as const

export interface Caller {
  userId: string
  email: string
  token: string
  agent: UserAgent
  get(path: string, options?: SendOptions): Promise<Answer>
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

export function callerOf(app: ProtocolApp, token: string, more: Partial<Caller> = {}): Caller {
  const at = (path: string) => app.issuer + path
  return {
    ...{ userId: '', email: '', token, agent: undefined as never },
    get: (path, options = {}) => send('GET', at(path), undefined, { bearer: token, ...options }),
    send: (method, path, body, headers = {}) =>
      body === undefined
        ? send(method, at(path), undefined, { bearer: token, headers })
        : sendJson(method, at(path), body, { bearer: token, headers }),
    ...more,
  }
}

/** A new person with these roles, signed in at the app `web`, with a token of the API for the given scopes. */
export async function newCaller(
  app: ProtocolApp,
  name: string,
  roles: readonly string[] = [],
  options: { scopes?: readonly string[]; rp?: client.Configuration } = {},
): Promise<Caller> {
  const email = `${name}@example.org`
  const { id } = await createPerson(app, { email })
  for (const role of roles) await app.app.storage.database.users.addRole(id, role)
  return signedIn(app, email, options)
}

export async function signedIn(
  app: ProtocolApp,
  email: string,
  options: { scopes?: readonly string[]; rp?: client.Configuration; agent?: UserAgent } = {},
): Promise<Caller> {
  const { scopes = PERMISSION_NAMES, rp = await discover(app.issuer), agent } = options
  const resource = `${app.issuer}/api`
  const done = await signIn(
    rp,
    { scope: ['openid', ...scopes].join(' '), resource },
    { person: { email }, exchange: { resource }, ...(agent ? { agent } : {}) },
  )
  return callerOf(app, done.tokens.access_token, { userId: done.sub, email, agent: done.agent })
}

/** The events of this name about somebody, as the store has them. */
export async function audited(app: ProtocolApp, name: string): Promise<Record<string, unknown>[]> {
  return app.sql.query('select * from audit_events where name = $1 order by id', [name])
}
