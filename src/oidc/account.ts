/** The engine's account look-up, delegated to our user store. Absent or disabled: no account, no token, no claims. */
import type { FindAccount, KoaContextWithOIDC } from 'oidc-provider'
import { countsStill } from '../domain/access/proof-time.ts'
import type { UserRepository } from '../domain/ports.ts'
import type { User } from '../domain/users/user.ts'
import { claimsOf } from './claims.ts'
import { Unavailable } from './errors.ts'

/** The person, if the account may be used by what was proven at that time (epoch seconds, where it is known). */
export type UsableAccount = (id: string, provenAt: number | undefined) => Promise<User | undefined>

export function usableAccount(
  users: Pick<UserRepository, 'find'>,
  isUnavailable: (error: unknown) => boolean,
): UsableAccount {
  return async (id, provenAt) => {
    try {
      const user = await users.find(id)
      if (user?.status !== 'active') return undefined
      return provenAt === undefined || countsStill(user, provenAt) ? user : undefined
    } catch (error) {
      throw isUnavailable(error) ? new Unavailable(error) : error
    }
  }
}

export function findAccount(account: UsableAccount): FindAccount {
  return async (ctx, sub, token) => {
    const user = await account(sub, provenAt(ctx, sub, token))
    return user && { accountId: user.id, claims: () => claimsOf(user) }
  }
}

/** When the person signed in to what is in hand: what was issued then, or the session. Access tokens do not know. */
export function provenAt(ctx: KoaContextWithOIDC, sub: string, token: unknown): number | undefined {
  if (token !== undefined) return (token as { authTime?: number }).authTime
  const session = ctx.oidc?.session
  return session?.accountId === sub ? session.loginTs : undefined
}
