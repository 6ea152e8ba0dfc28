/** The engine's account look-up, delegated to our user store. Absent or disabled: no account, no token, no claims. */
import type { FindAccount } from 'oidc-provider'
import type { UserRepository } from '../domain/ports.ts'
import { claimsOf } from './claims.ts'
import { Unavailable } from './errors.ts'

export function findAccount(users: UserRepository, isUnavailable: (error: unknown) => boolean): FindAccount {
  return async (_ctx, sub) => {
    try {
      const user = await users.find(sub)
      if (user?.status !== 'active') return undefined
      return { accountId: user.id, claims: () => claimsOf(user) }
    } catch (error) {
      throw isUnavailable(error) ? new Unavailable(error) : error
    }
  }
}
