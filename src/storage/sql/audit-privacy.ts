/**
 * What identifies somebody in an audit record: sealed under a key of that person, which is destroyed with them (by the
 * database: `audit_person_keys` hangs on `users`). Records keep their place in the chain, which holds the sealed form.
 *
 * Nothing is read to write a record. A process makes its own key for a person at the first record, uses it for a day, and
 * sends it along with each record: stored is one that is new and whose person is there. What is written about somebody
 * who is gone is sealed under a key that nobody keeps.
 */
import { randomBytes } from 'node:crypto'
import { type AuditEvent, requesterOf } from '../../domain/audit/events.ts'
import type { AtRest } from '../at-rest.ts'
import { openUnder, sealUnder } from '../successor.ts'
import { cleaned } from './rows.ts'
import { AUDIT_PERSON_KEY, placeOf } from './sealed-columns.ts'

const PURPOSE = 'audit record'
const USED_FOR_MS = 24 * 3600 * 1000
/** people whose keys a process has at hand: some 3 MB */
const MOST = 10_000

/** What is sealed under one key. */
export interface Private {
  ip?: string
  userAgent?: string
  personal?: Record<string, string>
}

/** As a record carries it: `sealed` stays in it, `keys` go to their table. Both JSON; null: there is nothing to hide. */
export interface Hidden {
  sealed: string | null
  keys: string | null
}

interface PersonKey {
  id: string
  secret: string
  madeAt: number
}

export class AuditPrivacy {
  readonly #atRest: AtRest
  /** by person ('' for nobody known); the one used longest ago first */
  readonly #keys = new Map<string, PersonKey>()

  constructor(atRest: AtRest) {
    this.#atRest = atRest
  }

  /** Of the request's origin by who made it, of the rest by whom the record is about. */
  hide(event: AuditEvent): Hidden {
    const { request, personal, userId = '' } = event
    const parts = new Map<string, Private>()
    if (request)
      parts.set(requesterOf(event) ?? '', {
        ip: cleaned(request.ip),
        ...(request.userAgent === undefined ? {} : { userAgent: cleaned(request.userAgent) }),
      })
    if (personal)
      parts.set(userId, {
        ...parts.get(userId),
        personal: Object.fromEntries(Object.entries(personal).map(([name, text]) => [name, cleaned(text)])),
      })
    if (parts.size === 0) return { sealed: null, keys: null }
    const made = [...parts].map(([person, part]) => ({ person, part, key: this.#keyOf(person) }))
    return {
      sealed: JSON.stringify(
        Object.fromEntries(
          made.map(({ key, part }) => [
            key.id,
            sealUnder(key.secret, PURPOSE, JSON.stringify(part)).toString('base64url'),
          ]),
        ),
      ),
      keys: JSON.stringify(
        made.map(({ person, key: { id, secret } }) => ({
          id,
          user_id: person === '' ? null : person,
          sealed: this.#atRest.seal(placeOf(AUDIT_PERSON_KEY, id), secret).toString('base64'),
        })),
      ),
    }
  }

  #keyOf(person: string): PersonKey {
    const known = this.#keys.get(person)
    const now = performance.now()
    this.#keys.delete(person)
    const fresh = known !== undefined && now - known.madeAt < USED_FOR_MS
    const key = fresh
      ? known
      : {
          id: randomBytes(16).toString('base64url'),
          secret: randomBytes(32).toString('base64url'),
          madeAt: now,
        }
    this.#keys.set(person, key)
    const oldest = this.#keys.keys().next()
    if (this.#keys.size > MOST && !oldest.done) this.#keys.delete(oldest.value)
    return key
  }
}

/** The ids of the keys a record needs. */
export function keysIn(sealed: string | null): string[] {
  return Object.keys(partsIn(sealed))
}

/**
 * What of it can still be read. A record, or a key, that somebody damaged must keep nobody from reading the others.
 * @param stored the keys that there are, by id, as they are stored
 */
export function reveal(sealed: string | null, stored: ReadonlyMap<string, Buffer>, atRest: AtRest): Private {
  const parts = Object.entries(partsIn(sealed))
  return Object.assign(
    {},
    ...parts.map(([id, text]) => {
      const key = stored.get(id)
      if (!key) return {}
      try {
        const secret = atRest.open(placeOf(AUDIT_PERSON_KEY, id), key)
        return JSON.parse(openUnder(secret, PURPOSE, Buffer.from(text, 'base64url')))
      } catch {
        return {}
      }
    }),
  )
}

function partsIn(sealed: string | null): Record<string, string> {
  try {
    return JSON.parse(sealed ?? '{}') ?? {}
  } catch {
    return {}
  }
}
