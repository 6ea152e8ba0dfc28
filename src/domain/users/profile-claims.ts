/** A profile and its standard claims (OpenID Connect Core 1.0, 5.1): what is called what, and claims that are checked and taken. */
import { isPlain } from '../../lib/texts.ts'
import type { Address, Profile } from './user.ts'

type Texts = { [K in keyof Profile as NonNullable<Profile[K]> extends string ? K : never]-?: true }

/** Claim -> member of a profile, of those that are plain text. */
export const PROFILE_TEXTS = {
  name: 'name',
  given_name: 'givenName',
  family_name: 'familyName',
  middle_name: 'middleName',
  nickname: 'nickname',
  profile: 'profileUrl',
  picture: 'pictureUrl',
  website: 'websiteUrl',
  gender: 'gender',
  birthdate: 'birthdate',
  zoneinfo: 'zoneinfo',
  locale: 'locale',
  phone_number: 'phoneNumber',
} as const satisfies Record<string, keyof Texts>

/** 5.1.1 */
const ADDRESS = {
  formatted: 'formatted',
  street_address: 'streetAddress',
  locality: 'locality',
  region: 'region',
  postal_code: 'postalCode',
  country: 'country',
} as const satisfies Record<string, keyof Address>

const FORMS: Record<string, [form: RegExp, words: string]> = {
  profile: [/^https?:\/\/[^\s]+$/, 'must be a web address'],
  picture: [/^https?:\/\/[^\s]+$/, 'must be a web address'],
  website: [/^https?:\/\/[^\s]+$/, 'must be a web address'],
  birthdate: [/^\d{4}(-\d{2}-\d{2})?$/, 'must be YYYY-MM-DD, 0000-MM-DD or YYYY'],
  phone_number: [/^\+?[\d ().-]{3,40}(;ext=\d+)?$/, 'must be a telephone number, as in +1 (425) 555-1212'],
}
const TEXT_MAX = 500

export type ProfileClaim = keyof typeof PROFILE_TEXTS

/** What is known, by claim. */
export function textClaimsOf(profile: Profile): Partial<Record<ProfileClaim, string>> {
  return named(profile, PROFILE_TEXTS)
}

export function addressClaimOf(address: Address): Record<string, string> {
  return named(address, ADDRESS)
}

function named(kept: object, names: Record<string, string>): Record<string, string> {
  const claims = Object.entries(names).map(([claim, member]) => [
    claim,
    (kept as Record<string, unknown>)[member],
  ])
  return Object.fromEntries(claims.filter(([, value]) => value !== undefined))
}

/**
 * E-mail address and the name to sign in with are proven elsewhere and not set here.
 * @param value a JSON object of claims
 * @throws TypeError naming every claim that is wrong and why
 */
export function profileOfClaims(value: unknown): Profile {
  if (!isObject(value)) throw new TypeError('the claims must be a JSON object')
  const { address, phone_number_verified: verified, ...texts } = value
  const faults = faultsOf(texts, PROFILE_TEXTS)
  if (verified !== undefined && typeof verified !== 'boolean')
    faults.push('phone_number_verified must be true or false')
  if (verified !== undefined && texts.phone_number === undefined)
    faults.push('phone_number_verified says nothing without phone_number')
  if (address !== undefined && !isObject(address)) faults.push('address must be an object')
  if (isObject(address)) faults.push(...faultsOf(address, ADDRESS).map((fault) => `address: ${fault}`))
  if (faults.length > 0) throw new TypeError(faults.join('\n'))
  return {
    ...renamed(texts, PROFILE_TEXTS),
    ...(verified === undefined ? {} : { phoneNumberVerified: verified as boolean }),
    ...(address === undefined ? {} : { address: renamed(address as Record<string, unknown>, ADDRESS) }),
  }
}

function faultsOf(claims: Record<string, unknown>, known: Record<string, string>): string[] {
  return Object.entries(claims).flatMap(([claim, value]) => {
    if (!Object.hasOwn(known, claim)) return [`${claim} is no claim that is set here`]
    if (typeof value !== 'string' || value.trim() === '' || value.length > TEXT_MAX || !isReadable(value))
      return [`${claim} must be plain text of at most ${TEXT_MAX} characters`]
    const [form, words] = FORMS[claim] ?? []
    return form && !form.test(value) ? [`${claim} ${words}`] : []
  })
}

function renamed(claims: Record<string, unknown>, names: Record<string, string>): object {
  return Object.fromEntries(Object.entries(claims).map(([claim, value]) => [names[claim], value]))
}

/** Lines may end (5.1.1: formatted addresses); nothing else of what controls. */
function isReadable(text: string): boolean {
  return text.isWellFormed() && isPlain(text.replaceAll(/\r?\n/g, ''))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
