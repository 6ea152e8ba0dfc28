/** What the rules about roles need from the store. */
import type { HeldRole, Permission } from './permissions.ts'

/** A role that an owner made, beside the built-in ones. */
export interface CustomRole {
  name: string
  description: string
  permissions: readonly Permission[]
}

export type StoredRole = CustomRole & { version: number }

export interface RoleRepository {
  /** by name */
  list(): Promise<StoredRole[]>
  find(name: string): Promise<StoredRole | undefined>
  /** In a transaction: nobody changes or deletes it before its end; `share` lets others give it meanwhile. */
  lock(name: string, how: 'share' | 'update'): Promise<StoredRole | undefined>
  /** False: the name is taken. */
  insert(role: CustomRole): Promise<boolean>
  /** Compare-and-set. False: there is no such role in this version (any version: undefined). */
  change(role: CustomRole, version: number | undefined): Promise<boolean>
  delete(name: string): Promise<void>
  /** Ids of up to `limit` people who have it. */
  holders(name: string, limit: number): Promise<string[]>
  /** Takes it from everybody; returns the ids of those who had it. */
  takeFromAll(name: string): Promise<string[]>
  /** The roles of a person as they are now, with what those that were made here allow. */
  heldBy(userId: string): Promise<HeldRole[]>
}

/** A role inside one application: it means what the application makes of it, and nothing here. */
export interface ApplicationRole {
  clientId: string
  name: string
  description: string
}

export type StoredApplicationRole = ApplicationRole & { version: number }

export interface ApplicationRoleRepository {
  /** of all clients, ordered */
  all(): Promise<StoredApplicationRole[]>
  list(clientId: string): Promise<StoredApplicationRole[]>
  find(clientId: string, name: string): Promise<StoredApplicationRole | undefined>
  /** In a transaction, as `RoleRepository.lock`. */
  lock(clientId: string, name: string, how: 'share' | 'update'): Promise<StoredApplicationRole | undefined>
  /** False: the name is taken. Throws `not_found`: there is no such client. */
  insert(role: ApplicationRole): Promise<boolean>
  /** Compare-and-set, as `RoleRepository.change`. */
  change(role: ApplicationRole, version: number | undefined): Promise<boolean>
  /** With everything that was given of it. */
  delete(clientId: string, name: string): Promise<void>
  /** How many people have it. */
  countHolders(clientId: string, name: string): Promise<number>
  /** False: they had it already. Throws `not_found`: person or role went meanwhile. */
  give(userId: string, clientId: string, name: string): Promise<boolean>
  /** False: they did not have it. */
  take(userId: string, clientId: string, name: string): Promise<boolean>
  /** What a person is in all applications, ordered. */
  ofPerson(userId: string): Promise<{ clientId: string; name: string }[]>
  /** What a person is in one application, ordered. */
  namesOf(userId: string, clientId: string): Promise<string[]>
}
