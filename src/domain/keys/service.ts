/**
 * Changes of signing and cookie keys. Each is one transaction under one lock with its audit records, so of any number
 * of nodes that find the same thing due one does it.
 */
import type { AuditEventName, RequestFacts } from '../audit/events.ts'
import { DomainError } from '../errors.ts'
import type { Database, KeyMaker, Repositories } from '../ports.ts'
import type { KeyChange, KeyLine, SigningKey } from './key.ts'
import type { KeyPolicy } from './policy.ts'
import { revoke } from './revoke.ts'
import { rotate } from './rotate.ts'
import { schedule } from './schedule.ts'

export interface SigningKeysDeps {
  database: Pick<Database, 'transaction'>
  makeKey: KeyMaker
  policy: KeyPolicy
  /** told after a change has been committed */
  keysChanged: () => void
}

type Plan = (keys: readonly SigningKey[], now: Date) => KeyChange[]

const MOVED: Record<Extract<KeyChange, { to: unknown }>['to'], AuditEventName> = {
  current: 'signing_key.promoted',
  retiring: 'signing_key.retiring',
  retired: 'signing_key.retired',
}

export class SigningKeys {
  readonly #deps: SigningKeysDeps

  constructor(deps: SigningKeysDeps) {
    this.#deps = deps
  }

  /** Does what is due; on an empty database makes the first keys. Returns what was done. */
  advance(): Promise<KeyChange[]> {
    return this.#change('schedule', (keys, now) => schedule(keys, this.#deps.policy, now))
  }

  /** Publishes next keys, of one line or of all that are offered. Returns nothing where they are on their way already. */
  rotate(only: KeyLine | undefined, by: string, request?: RequestFacts): Promise<KeyChange[]> {
    return this.#change(by, (keys) => rotate(keys, this.#deps.policy, only), { request })
  }

  /** Takes a key away at once. Throws `not_found` when it is not in use. */
  revoke(kid: string, by: string, request?: RequestFacts): Promise<KeyChange[]> {
    const plan: Plan = (keys) => {
      const changes = revoke(keys, this.#deps.policy, kid)
      if (!changes) throw new DomainError('not_found')
      return changes
    }
    return this.#change(by, plan, { revoked: kid, request })
  }

  async #change(
    by: string,
    plan: Plan,
    { revoked, request }: { revoked?: string; request?: RequestFacts | undefined } = {},
  ): Promise<KeyChange[]> {
    const done = await this.#deps.database.transaction(async (repositories) => {
      const now = await repositories.signingKeys.lock()
      const keys = await repositories.signingKeys.list()
      const changes = plan(keys, now)
      for (const change of changes) {
        const { kid, line } = await this.#apply(change, keys, repositories)
        await repositories.audit.append({
          name:
            'make' in change
              ? 'signing_key.added'
              : kid === revoked
                ? 'signing_key.revoked'
                : MOVED[change.to],
          outcome: 'success',
          request,
          detail: { by, kid, line },
        })
      }
      return changes
    })
    if (done.length > 0) this.#deps.keysChanged()
    return done
  }

  async #apply(
    change: KeyChange,
    keys: readonly SigningKey[],
    { signingKeys }: Repositories,
  ): Promise<{ kid: string; line: KeyLine }> {
    if ('make' in change) {
      const key = { ...(await this.#deps.makeKey(change.make)), line: change.make, state: change.as }
      await signingKeys.add(key)
      return key
    }
    const key = keys.find(({ kid }) => kid === change.move)
    if (!key) throw new DomainError('not_found')
    await signingKeys.move(key.kid, change.to)
    return key
  }
}
