import { emailKey, usernameKey } from '../../../domain/users/identifiers.ts'
import type { Address, NewUser, Profile, User } from '../../../domain/users/user.ts'
import { orNull, orUndefined, present, toJson } from '../rows.ts'

export interface UserRow {
  id: string
  email: string
  email_key: string
  email_verified: boolean
  username: string | null
  username_key: string | null
  status: User['status']
  access_from: Date | null
  name: string | null
  given_name: string | null
  family_name: string | null
  middle_name: string | null
  nickname: string | null
  profile_url: string | null
  picture_url: string | null
  website_url: string | null
  gender: string | null
  birthdate: string | null
  zoneinfo: string | null
  locale: string | null
  phone_number: string | null
  phone_number_verified: boolean | null
  address: Address | null
  created_at: Date
  updated_at: Date
}

/** The column of every profile member: a member without a column is a type error. */
const PROFILE_COLUMNS = {
  name: 'name',
  givenName: 'given_name',
  familyName: 'family_name',
  middleName: 'middle_name',
  nickname: 'nickname',
  profileUrl: 'profile_url',
  pictureUrl: 'picture_url',
  websiteUrl: 'website_url',
  gender: 'gender',
  birthdate: 'birthdate',
  zoneinfo: 'zoneinfo',
  locale: 'locale',
  phoneNumber: 'phone_number',
  phoneNumberVerified: 'phone_number_verified',
  address: 'address',
} as const satisfies Record<keyof Profile, keyof UserRow>

const MEMBERS = Object.keys(PROFILE_COLUMNS) as (keyof Profile)[]

export function userOf(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    emailVerified: row.email_verified,
    username: orUndefined(row.username),
    status: row.status,
    accessFrom: row.access_from === null ? undefined : Math.floor(row.access_from.getTime() / 1000),
    profile: present<Profile>(
      Object.fromEntries(MEMBERS.map((member) => [member, row[PROFILE_COLUMNS[member]]])),
    ),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Columns of the members that are there; `null` empties one. */
export function profileColumns(profile: { [Member in keyof Profile]?: Profile[Member] | null }) {
  const columns = Object.entries(profile).map(([member, value]) => [
    PROFILE_COLUMNS[member as keyof Profile],
    // a JSON text; knex types the column by what is read from it
    member === 'address' && value ? toJson(value) : orNull(value),
  ])
  return Object.fromEntries(columns) as Partial<UserRow>
}

export function rowOf(user: NewUser) {
  return {
    id: user.id,
    email: user.email,
    email_key: emailKey(user.email),
    email_verified: user.emailVerified,
    username: orNull(user.username),
    username_key: user.username === undefined ? null : usernameKey(user.username),
    ...profileRowOf(user.profile),
  }
}

/** Every column of a profile; what it does not have becomes null. */
export function profileRowOf(profile: Profile) {
  return profileColumns(Object.fromEntries(MEMBERS.map((member) => [member, profile[member] ?? null])))
}
