/** Which claims a scope stands for (OpenID Connect Core 1.0, 5.4), and where a person's values come from. */
import { IDENTITY_SCOPES } from '../domain/resources/resource-server.ts'
import type { Address, User } from '../domain/users/user.ts'

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
} as const satisfies Record<string, readonly string[]>

export const SCOPES = IDENTITY_SCOPES

export interface AccountClaims {
  sub: string
  [claim: string]: unknown
}

/** Every claim we hold about the person; the engine hands out what was granted. Absent values are left out. */
export function claimsOf(user: User): AccountClaims {
  const { profile } = user
  const claims = {
    sub: user.id,
    name: profile.name,
    given_name: profile.givenName,
    family_name: profile.familyName,
    middle_name: profile.middleName,
    nickname: profile.nickname,
    preferred_username: user.username,
    profile: profile.profileUrl,
    picture: profile.pictureUrl,
    website: profile.websiteUrl,
    gender: profile.gender,
    birthdate: profile.birthdate,
    zoneinfo: profile.zoneinfo,
    locale: profile.locale,
    updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    email: user.email,
    email_verified: user.emailVerified,
    phone_number: profile.phoneNumber,
    phone_number_verified:
      profile.phoneNumber === undefined ? undefined : (profile.phoneNumberVerified ?? false),
    address: profile.address && addressClaim(profile.address),
  }
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined),
  ) as AccountClaims
}

/** OpenID Connect Core 1.0, 5.1.1 */
function addressClaim(address: Address): Record<string, string> {
  const members = {
    formatted: address.formatted,
    street_address: address.streetAddress,
    locality: address.locality,
    region: address.region,
    postal_code: address.postalCode,
    country: address.country,
  }
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
