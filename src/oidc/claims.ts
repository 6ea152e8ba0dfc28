/** Which claims a scope stands for (OpenID Connect Core 1.0, 5.4), and where a person's values come from. */
import { IDENTITY_SCOPES } from '../domain/resources/resource-server.ts'
import { addressClaimOf, textClaimsOf } from '../domain/users/profile-claims.ts'
import type { User } from '../domain/users/user.ts'

export const CLAIMS_BY_SCOPE = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
  roles: ['roles'],
} as const satisfies Record<string, readonly string[]>

export const SCOPES = IDENTITY_SCOPES

/** Whether it is ours, and pages have words for it; all others are scopes of APIs. */
export function isKnownScope(scope: string): boolean {
  return (SCOPES as readonly string[]).includes(scope)
}

export interface AccountClaims {
  sub: string
  [claim: string]: unknown
}

/** Every claim we hold about the person; the engine hands out what was granted. Absent values are left out. */
export function claimsOf(user: User): AccountClaims {
  const { profile } = user
  const claims = {
    sub: user.id,
    ...textClaimsOf(profile),
    preferred_username: user.username,
    updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    email: user.email,
    email_verified: user.emailVerified,
    phone_number_verified:
      profile.phoneNumber === undefined ? undefined : (profile.phoneNumberVerified ?? false),
    address: profile.address && addressClaimOf(profile.address),
  }
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined),
  ) as AccountClaims
}
