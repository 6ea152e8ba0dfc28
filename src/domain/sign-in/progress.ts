/**
 * What one sign-in has proven so far. Kept on the server under the interaction's uid; a step adds what it proved
 * and nothing else. The person is only ever named here by a step that checked something.
 */
import type { Ephemeral } from '../ports.ts'

export interface Progress {
  /** who proved to be whom; absent until a password was right or a session was confirmed */
  userId?: string
  /** RFC 8176 authentication method references */
  amr?: string[]
  /** epoch seconds at which the methods in `amr` were proven */
  authTime?: number
  /** names the password the proof was given with (see `SignIn.credentialOf`); a changed password voids it */
  credential?: string
  remember?: boolean
  /** mail that is out for this sign-in (see `email/proof.ts`) */
  proof?: { id: string; email: string; sentAt: number }
  /** a step the person asked for: registration instead of sign-in, the form instead of the chooser */
  wish?: 'register' | 'other-account'
  /** prefilled in the form */
  identifier?: string
}

/** as long as an interaction lives */
export const PROGRESS_TTL_SECONDS = 3600

export class ProgressStore {
  readonly #ephemeral: Ephemeral

  constructor(ephemeral: Ephemeral) {
    this.#ephemeral = ephemeral
  }

  async load(uid: string): Promise<Progress> {
    const stored = await this.#ephemeral.get(key(uid))
    return stored ? (JSON.parse(stored) as Progress) : {}
  }

  async save(uid: string, progress: Progress): Promise<void> {
    await this.#ephemeral.put(key(uid), JSON.stringify(progress), PROGRESS_TTL_SECONDS)
  }

  async clear(uid: string): Promise<void> {
    await this.#ephemeral.delete(key(uid))
  }
}

const key = (uid: string) => `sign-in:${uid}`
