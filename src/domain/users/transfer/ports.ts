/** What import and export need from the store: many people at once. */
import type { Person } from '../../directory/directory.ts'
import type { Profile } from '../user.ts'

export type StoredPerson = Person

/** Whom the names of a batch belong to now. */
export interface KnownPeople {
  people: (StoredPerson & { hasPassword: boolean })[]
  /** usernames (as keys) that a registration holds */
  held: string[]
}

export interface PersonToInsert {
  id: string
  email: string
  emailVerified: boolean
  username: string | undefined
  profile: Profile
  status: 'active' | 'disabled'
  createdAt: Date
  roles: string[]
  /** as it is stored */
  phc: string | undefined
}

export interface UserTransferRepository {
  known(names: { ids: string[]; emails: string[]; usernames: string[] }): Promise<KnownPeople>
  /** False: a name was taken meanwhile; then the transaction must come to nothing. */
  insert(people: readonly PersonToInsert[]): Promise<boolean>
  /** By e-mail address, in an order that is the same on every engine; after that of a page before. */
  page(after: string | undefined, limit: number): Promise<(StoredPerson & { phc: string | undefined })[]>
}
