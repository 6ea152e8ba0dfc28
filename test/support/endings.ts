/** The ways access ends, as somebody brings them about; and what, by decision 16, is left. */

import { Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { Access } from '../../src/domain/access/service.ts'
import { linkToken } from '../../src/domain/email/secrets.ts'
import { PasswordReset } from '../../src/domain/passwords/reset.ts'
import { Throttle } from '../../src/domain/protection/throttle.ts'
import type { Pair } from './access.ts'
import type { Nodes } from './nodes.ts'
import { keyringOf } from './people.ts'
import { send } from './protocol.ts'
import { token } from './samples.ts'
import type { UserAgent } from './user-agent.ts'

export interface Ending {
  end(pair: Pair, browsers: UserAgent[]): Promise<void>
  /** what works afterwards, by the names of `CHECKS` */
  leaves: readonly string[]
  /** Requests on their way (`in-flight.ts`) that may have come after it, and then rightly live. */
  mayFollow?: readonly string[]
  /** other nodes learn of it with the change of the client, within a second */
  ofClient?: true
  /** brings back what can be brought back: what was ended stays so */
  undo?(pair: Pair): Promise<void>
}

const BY = { by: 'test' }

const accessOf = ({ nodes }: Pair) => new Access(databaseOf({ nodes }))
const databaseOf = ({ nodes }: Pick<Pair, 'nodes'>) => nodes.apps[0]!.storage.database

/** A session that begins is none that ends. */
const SIGNING_IN = ['proven sign-in', 'sign-in with a password']

export const ENDINGS: Record<string, Ending> = {
  'signing out': {
    async end({ nodes }, browsers) {
      for (const browser of browsers) await signOut(nodes, browser)
    },
    // OpenID Connect Core 1.0, 11; and a browser that is about to be signed in is none that is signed out.
    leaves: ['lasting refresh token', 'proven sign-in'],
    mayFollow: ['lasting refresh', ...SIGNING_IN],
  },
  'an administrator ending the sessions': {
    async end(pair) {
      const { access } = databaseOf(pair)
      for (const { id } of await access.openSessions(pair.person.id))
        await accessOf(pair).endSession(pair.person.id, id, BY)
    },
    leaves: ['proven sign-in'],
    mayFollow: SIGNING_IN,
  },
  'disabling the person': {
    end: (pair) => accessOf(pair).disableUser(pair.person.id, BY),
    undo: (pair) => accessOf(pair).enableUser(pair.person.id, BY),
    leaves: [],
  },
  'deleting the person': { end: (pair) => accessOf(pair).deleteUser(pair.person.id, BY), leaves: [] },
  'changing the password': { end: changePassword, leaves: [] },
  'signing out everywhere': {
    end: (pair) => accessOf(pair).signOutEverywhere(pair.person.id, BY),
    leaves: [],
    mayFollow: ['sign-in with a password'],
  },
  'disabling the client': {
    end: (pair) => accessOf(pair).disableClient(pair.app.client_id, BY),
    undo: (pair) => accessOf(pair).enableClient(pair.app.client_id, BY),
    leaves: ['session'],
    ofClient: true,
  },
  'deleting the client': {
    end: (pair) => accessOf(pair).deleteClient(pair.app.client_id, BY),
    leaves: ['session'],
    ofClient: true,
  },
  'the client deleting itself (RFC 7592)': {
    async end({ app }) {
      const { status } = await send('DELETE', app.registration_client_uri, undefined, {
        bearer: app.registration_access_token,
      })
      if (status !== 204) throw new Error(`not deleted: ${status}`)
    },
    leaves: ['session'],
    ofClient: true,
  },
  'withdrawing consent': {
    end: (pair) => accessOf(pair).withdrawConsent(pair.person.id, pair.app.client_id, BY),
    // A page that asks may be answered anew.
    leaves: ['session', 'consent page'],
    mayFollow: ['consent'],
  },
}

/** Another request of the browser may take the page's secret off the session; the person is told, and tries again. */
async function signOut({ issuer }: Nodes, browser: UserAgent): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    const page = await browser.get(`${issuer}/session/end`)
    const done = await browser.submit(page, { logout: 'yes' })
    if (done.text.includes('class="view-logout-done"')) return
  }
  throw new Error('signing out failed')
}

/** By a link that was mailed, as the page does it. */
export async function changePassword({
  nodes,
  person,
}: {
  nodes: Pick<Nodes, 'apps' | 'secrets'>
  person: { id: string; email: string }
}): Promise<void> {
  const [app] = nodes.apps
  if (!app) throw new Error('no node')
  const keyed = await keyringOf({ app, secrets: nodes.secrets })
  const { database, ephemeral } = app.storage
  const hasher = new Argon2Hasher(keyed, { memory: 19_456, passes: 2 })
  const reset = new PasswordReset({
    database,
    hasher,
    throttle: new Throttle(ephemeral),
    random: secureRandom,
    keyed,
    clock: { now: () => new Date() },
    policy: { minLength: 15, isCommon: () => false, contextWords: [] },
  })
  const proof = await database.emailProofs.insert({
    id: secureRandom.id('prf'),
    purpose: 'reset-password',
    userId: person.id,
    email: person.email,
    flow: token('reset:'),
    interactionUid: undefined,
    registration: undefined,
    ttlSeconds: 60,
  })
  const facts = { id: 'test', ip: '127.0.0.1', userAgent: undefined }
  await reset.reset(linkToken(keyed, proof.id), `another calm keeper ${token()}`, facts)
}
