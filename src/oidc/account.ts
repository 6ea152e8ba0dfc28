/** The engine's account look-up, delegated to our user store. Absent or disabled: no account, no token, no claims. */
import type { FindAccount, KoaContextWithOIDC } from 'oidc-provider'
import { countsStill } from '../domain/access/proof-time.ts'
import type { UserRepository } from '../domain/ports.ts'
import type { User } from '../domain/users/user.ts'
import { claimsOf } from './claims.ts'
import { Unavailable } from './errors.ts'
import { asksForRoles, type RolesAt } from './role-claims.ts'

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

export function findAccount(account: UsableAccount, rolesAt: RolesAt): FindAccount {
  return async (ctx, sub, token) => {
    const user = await account(sub, provenAt(ctx, sub, token))
    if (!user) return undefined
    const claims = async (_use: string, scope: string, asked?: object) => ({
      ...claimsOf(user),
      ...(asksForRoles(scope, asked) ? { roles: await rolesAt(user.id, ctx.oidc.client?.clientId) } : {}),
    })
    return { accountId: user.id, claims }
  }
}

/** When the person signed in to what is in hand: what was issued then, or the session. Access tokens do not know. */
export function provenAt(ctx: KoaContextWithOIDC, sub: string, token: unknown): number | undefined {
  if (token !== undefined) return (token as { authTime?: number }).authTime
  const session = ctx.oidc?.session
  return session?.accountId === sub ? session.loginTs : undefined
}
