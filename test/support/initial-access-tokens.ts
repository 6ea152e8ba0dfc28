/** Initial access tokens as operators make them. */
import { secureRandom } from '../../src/crypto/random.ts'
import { InitialAccessTokens, type TokenWish } from '../../src/domain/clients/initial-access-tokens.ts'
import { keyringOf } from './people.ts'
import type { RunningApp } from './start-app.ts'

type Running = Pick<RunningApp, 'app' | 'secrets'>

export async function tokensOf(running: Running): Promise<InitialAccessTokens> {
  const { database } = running.app.storage
  return new InitialAccessTokens({ database, random: secureRandom, keyed: await keyringOf(running) })
}

/** One that is good for an hour and any number of uses, unless the wish says otherwise. */
export async function makeToken(running: Running, wish: Partial<TokenWish> = {}) {
  const unlimited = { usesLeft: undefined, maxClients: undefined, ttlSeconds: 3600, policy: {} }
  return (await tokensOf(running)).create({ name: 'of the tests', ...unlimited, ...wish }, 'test')
}
