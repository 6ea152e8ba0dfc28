/**
 * A registration without a browser: the draft of `service.ts` under a flow of its own. Where no stranger can ask, it may say
 * that an address is taken; everywhere else a taken address looks like a free one.
 */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError, InvalidInput } from '../errors.ts'
import type { Random, UserRepository } from '../ports.ts'
import type { Registration, RegistrationInput } from './service.ts'

export interface RegistrationByAppDeps {
  registration: Registration
  users: Pick<UserRepository, 'findByEmail'>
  random: Random
  tellsTaken: boolean
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
}

export class RegistrationByApp {
  readonly #deps: RegistrationByAppDeps

  constructor(deps: RegistrationByAppDeps) {
    this.#deps = deps
  }

  /**
   * @returns the id that the account will have once its address is proven
   * @throws InvalidInput with every fault, `throttled`, `busy`, `username_taken`; `email_taken` only where that is told
   */
  async register(input: RegistrationInput, facts: RequestFacts): Promise<{ id: string; createdAt: Date }> {
    const { registration, users, random, tellsTaken, mailSoon } = this.#deps
    const context = { flow: random.id('reg'), interactionUid: undefined, facts }
    const free = async () => {
      if (tellsTaken && (await users.findByEmail(input.email))) throw new DomainError('email_taken')
    }
    const { userId, createdAt } = await registration.register(input, context, free).catch(asConflict)
    mailSoon()
    return { id: userId, createdAt }
  }
}

/** To a form it is what is wrong with a field; to a program it is a conflict. */
function asConflict(error: unknown): never {
  const taken = error instanceof InvalidInput && error.fields.username?.code === 'username_taken'
  throw taken ? new DomainError('username_taken') : error
}
