/** Making, listing and revoking initial access tokens, each change with its audit record. */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError } from '../errors.ts'
import type { Database, KeyedHash, Random } from '../ports.ts'
import { type InitialAccessToken, type NewInitialAccessToken, TOKEN_PURPOSE } from './initial-access-token.ts'

export interface InitialAccessTokensDeps {
  database: Pick<Database, 'transaction' | 'initialAccessTokens'>
  random: Random
  keyed: KeyedHash
}

export type TokenWish = Omit<NewInitialAccessToken, 'id' | 'digest'>

const VALUE_BYTES = 32

export class InitialAccessTokens {
  readonly #deps: InitialAccessTokensDeps

  constructor(deps: InitialAccessTokensDeps) {
    this.#deps = deps
  }

  /** @returns the value, which cannot be read again, and the id it is named by */
  async create(wish: TokenWish, by: string, request?: RequestFacts): Promise<{ id: string; value: string }> {
    const { database, random, keyed } = this.#deps
    const value = random.token(VALUE_BYTES)
    const id = random.id('iat')
    await database.transaction(async ({ initialAccessTokens, audit }) => {
      await initialAccessTokens.insert({ ...wish, id, digest: keyed.digest(TOKEN_PURPOSE, value) })
      await audit.append({
        name: 'initial_access_token.created',
        outcome: 'success',
        request,
        detail: { id, name: wish.name, by },
      })
    })
    return { id, value }
  }

  /** All, also those that let nobody in any more; newest first. */
  list(): Promise<InitialAccessToken[]> {
    return this.#deps.database.initialAccessTokens.list()
  }

  /** From now on nobody registers by it; clients that did stay. Throws `not_found`: there is none that is not revoked. */
  async revoke(id: string, by: string, request?: RequestFacts): Promise<void> {
    await this.#deps.database.transaction(async ({ initialAccessTokens, audit }) => {
      if (!(await initialAccessTokens.revoke(id))) throw new DomainError('not_found')
      await audit.append({
        name: 'initial_access_token.revoked',
        outcome: 'success',
        request,
        detail: { id, by },
      })
    })
  }
}
