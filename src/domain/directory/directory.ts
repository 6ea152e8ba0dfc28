/**
 * What administrators look through: people, applications, the record of events. Lists are read a page at a time from
 * where the last one ended (keyset), so that page 1,000 costs what page 1 costs and nothing shifts in between.
 */
import type { Client, ClientSettings } from '../clients/client.ts'
import type { Consent } from '../consents/consent.ts'
import type { Profile, User } from '../users/user.ts'

/** A thing with the number of its last change: who edits it says which one they saw. */
export type Versioned<T> = T & { version: number }

/** Where a page ended. */
export interface Position {
  /** value of what the list is ordered by, as the store writes it */
  key: string
  id: string
}

export interface PageOf<T> {
  items: T[]
  /** undefined: this was the last page */
  next: Position | undefined
}

export interface PageQuery {
  after?: Position | undefined
  limit: number
}

export const USER_ORDERS = [
  ...(['created_at', '-created_at', 'email', '-email'] as const),
  ...(['username', '-username', 'name', '-name', 'updated_at', '-updated_at'] as const),
] as const
export type UserOrder = (typeof USER_ORDERS)[number]

export interface UserQuery extends PageQuery {
  /** what an e-mail address, username or name begins with, without regard to case */
  search?: string | undefined
  /** what each begins with, without regard to case */
  email?: string | undefined
  username?: string | undefined
  name?: string | undefined
  emailVerified?: boolean | undefined
  createdSince?: Date | undefined
  createdUntil?: Date | undefined
  status?: User['status'] | undefined
  role?: string | undefined
  order: UserOrder
}

/** `eraseAt`: the account was deleted, and is erased then */
export type Person = Versioned<User> & { roles: string[]; eraseAt: Date | undefined }

/** What is absent stays; `null` empties. */
export interface UserChanges {
  /** another address is not verified */
  email?: string
  username?: string
  profile?: { [Member in keyof Profile]?: Profile[Member] | null }
}

export interface PeopleDirectory {
  find(id: string): Promise<Person | undefined>
  list(query: UserQuery): Promise<PageOf<Person>>
  /**
   * Compare-and-set. False: there is no such person in this version (any version: undefined). Throws `email_taken`.
   */
  change(id: string, version: number | undefined, changes: UserChanges): Promise<boolean>
  /** False: they did not have it. Throws `last_owner`. */
  removeRole(id: string, role: string): Promise<boolean>
  consents(userId: string): Promise<(Consent & { updatedAt: Date })[]>
}

export interface ClientQuery extends PageQuery {
  /** what the id or the name begins with */
  search?: string | undefined
  status?: Client['status'] | undefined
}

export type Application = Versioned<Client> & { createdAt: Date; updatedAt: Date }

export interface ClientDirectory {
  find(id: string): Promise<Application | undefined>
  list(query: ClientQuery): Promise<PageOf<Application>>
  /** What people allowed it at APIs, whoever they are: they are not asked for that again. */
  allowedScopes(id: string): Promise<string[]>
  /** False: the id is taken. */
  insert(client: ClientSettings): Promise<boolean>
  /** Compare-and-set. False: there is no such client in this version (any version: undefined). */
  change(
    id: string,
    version: number | undefined,
    metadata: Record<string, unknown>,
    firstParty?: boolean,
  ): Promise<boolean>
  /**
   * Compare-and-set, as `change`.
   * @param keepSeconds how long the one before goes on working; 0: not at all
   */
  replaceSecret(
    id: string,
    version: number | undefined,
    digest: string,
    keepSeconds: number,
  ): Promise<boolean>
  /** False: there was no former secret that still worked. */
  revokeFormerSecret(id: string): Promise<boolean>
}

export interface AuditQuery extends PageQuery {
  name?: string | undefined
  outcome?: 'success' | 'failure' | undefined
  /** whom it is about */
  userId?: string | undefined
  /** who did it */
  actorId?: string | undefined
  clientId?: string | undefined
  since?: Date | undefined
  until?: Date | undefined
}

export interface AuditRecord {
  id: string
  name: string
  outcome: 'success' | 'failure'
  userId: string | undefined
  clientId: string | undefined
  requestId: string | undefined
  /** like `userAgent` and `personal` gone with whose it was */
  ip: string | undefined
  userAgent: string | undefined
  personal: Record<string, string>
  detail: Record<string, unknown>
  at: Date
}

/** Newest first. */
export interface AuditTrail {
  list(query: AuditQuery): Promise<PageOf<AuditRecord>>
  /** Those of them that there are, in no order. */
  byIds(ids: readonly string[]): Promise<AuditRecord[]>
}
