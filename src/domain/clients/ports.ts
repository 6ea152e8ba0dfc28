/** What the rules about applications need from the world; the rest of it is in `../ports.ts`. */
import type { Consent } from '../consents/consent.ts'
import type { Client, ClientSettings } from './client.ts'
import type { Admission, InitialAccessToken, NewInitialAccessToken } from './initial-access-token.ts'
import type { ClientSecret, SecretSlot } from './secrets.ts'

export interface ClientRepository {
  find(id: string): Promise<Client | undefined>
  list(): Promise<Client[]>
  /** Inserts or replaces; leaves its status as it is. */
  save(client: ClientSettings): Promise<void>
  /** Compare-and-set: the same secret, digested under another key. */
  renewSecretDigest(id: string, from: string, to: string): Promise<void>
  /** Of the secret before this one, while it works. */
  formerSecretDigest(id: string): Promise<string | undefined>
  /** Notes that it was used today. */
  secretUsed(id: string, which: SecretSlot): Promise<void>
  /** Current first. */
  secrets(id: string): Promise<ClientSecret[]>
  /** False: there is no such client. */
  setStatus(id: string, status: Client['status']): Promise<boolean>
  /** Removes the client with everything issued to it, at once. False: there was none. */
  delete(id: string): Promise<boolean>
}

/** Clients as they register themselves: written with everything else of the request in hand, or not at all. */
export interface RegisteredClients {
  /**
   * @param admission what let it in; a token of which nothing is left by then takes the client with it (`UnitLost`)
   */
  register(client: RegisteredClient, admission: Admission): Promise<void>
  /** One that is gone by then stays gone. */
  change(client: RegisteredClient): Promise<void>
}

export type RegisteredClient = Pick<Client, 'id' | 'metadata' | 'secretDigest'>

/** Tokens that let applications register. Using one up is part of registering (`RegisteredClients`). */
export interface InitialAccessTokenRepository {
  insert(token: NewInitialAccessToken): Promise<void>
  /** @param digests of its value, under every key that is valid */
  find(digests: readonly Buffer[]): Promise<InitialAccessToken | undefined>
  /** Newest first. */
  list(): Promise<InitialAccessToken[]>
  /** What let a client in. */
  admissionOf(clientId: string): Promise<Admission>
  /** False: there is none that is not revoked. */
  revoke(id: string): Promise<boolean>
}

/** Clients by the document at their id, and when it was read. */
export interface ClientDocumentRepository {
  find(id: string): Promise<ClientDocument | undefined>
  /** What was read now; whether it changes anything. Leaves its status as it is, and a client of another source whole. */
  save(id: string, metadata: Record<string, unknown>, freshSeconds: number): Promise<boolean>
  /** What was read before does not count any more. */
  withdraw(id: string): Promise<void>
}

export interface ClientDocument {
  client: Client
  fresh: boolean
  /** seconds since it was read; very many when that does not count any more */
  age: number
}

export interface ConsentRepository {
  find(userId: string, clientId: string): Promise<Consent | undefined>
  /** Adds to what is remembered; never takes away. */
  remember(consent: Consent): Promise<void>
  /** Takes scopes back from what is remembered, because the person refused them now. */
  withdraw(userId: string, clientId: string, scopes: readonly string[]): Promise<void>
}
