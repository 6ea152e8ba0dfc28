/** A person with an account. `id` is the OpenID Connect `sub` and is never reused. */
export interface User {
  id: string
  email: string
  emailVerified: boolean
  username: string | undefined
  status: 'active' | 'disabled'
  /** epoch seconds: what was proven in this second or before counts for nothing (see `access/proof-time.ts`) */
  accessFrom: number | undefined
  profile: Profile
  createdAt: Date
  updatedAt: Date
}

export interface NewUser {
  id: string
  email: string
  emailVerified: boolean
  username: string | undefined
  profile: Profile
}

/** The standard claims of OpenID Connect Core 1.0, section 5.1, that are not kept elsewhere on the user. */
export interface Profile {
  name?: string
  givenName?: string
  familyName?: string
  middleName?: string
  nickname?: string
  profileUrl?: string
  pictureUrl?: string
  websiteUrl?: string
  gender?: string
  birthdate?: string
  zoneinfo?: string
  locale?: string
  phoneNumber?: string
  phoneNumberVerified?: boolean
  address?: Address
}

/** OpenID Connect Core 1.0, section 5.1.1. */
export interface Address {
  formatted?: string
  streetAddress?: string
  locality?: string
  region?: string
  postalCode?: string
  country?: string
}
