/**
 * What the rules need from the world. Everything here is implemented elsewhere (storage, crypto, mail)
 * and handed in; `domain/` itself opens no connection, reads no clock and rolls no dice.
 */
import type { AccessRevoker } from './access/ports.ts'
import type { AuditChainRepository, AuditKeyRepository, AuditRepository } from './audit/ports.ts'
import type { AuthorizationType } from './authorization/type.ts'
import type {
  ClientDocumentRepository,
  ClientRepository,
  ConsentRepository,
  InitialAccessTokenRepository,
} from './clients/ports.ts'
import type { AppliedState } from './declarative/ports.ts'
import type { AuditTrail, ClientDirectory, PeopleDirectory } from './directory/directory.ts'
import type { EmailProof, NewEmailProof, ProofPurpose } from './email/proof.ts'
import type { FailureRecord } from './failures/record.ts'
import type { IdempotencyStore } from './idempotency.ts'
import type { KeyLine, KeyState, NewSigningKey, SigningKey } from './keys/key.ts'
import type { DeadLetterRepository } from './operations/dead-letters.ts'
import type { AccessDirectory } from './operations/session-search.ts'
import type { UsageRepository } from './operations/usage.ts'
import type { OutboxJobs, OutboxKind } from './outbox.ts'
import type { ApplicationRoleRepository, RoleRepository } from './permissions/ports.ts'
import type { ResourceServer } from './resources/resource-server.ts'
import type { DeletionRepository } from './users/deletion.ts'
import type { UserTransferRepository } from './users/transfer/ports.ts'
import type { NewUser, Profile, User } from './users/user.ts'
import type { WebhookRepository } from './webhooks/ports.ts'

export type * from './access/ports.ts'
export type * from './audit/ports.ts'
export type * from './clients/ports.ts'

/** The time now. Tests move it. */
export interface Clock {
  now(): Date
}

/** Cryptographically secure randomness. */
export interface Random {
  /** `bytes` random bytes as base64url. */
  token(bytes: number): string
  /** A prefixed random id with 128 bits of entropy, for example `usr_4f…`. */
  id(prefix: string): string
}

/**
 * A keyed one-way function over the deployment's secret (HMAC-SHA-256, keys separated by `purpose`).
 * Used where a secret can be derived instead of stored, and where a value must be looked up but not read.
 */
export interface KeyedHash {
  /** Names the secret's version that `digest` uses. It is no secret itself. */
  readonly version: number
  digest(purpose: string, value: string): Buffer
  /**
   * The digest, and then those under the other versions that are valid: to recognise what was made before the secret
   * was changed. Two calls at once have the versions in the same order.
   * @param lifetimeSeconds how long such a thing is good for: a version replaced longer ago does not count
   */
  digests(purpose: string, value: string, lifetimeSeconds?: number): readonly [Buffer, ...Buffer[]]
}

/**
 * Hashes passwords; at most a bounded number at once. Throws `DomainError('busy')` when its queue is full.
 * `from` names the network a request came from: none may fill the queue alone.
 */
export interface PasswordHasher {
  /** PHC string of the password. */
  hash(password: string, from?: string): Promise<string>
  /** Whether the password matches; `undefined` as PHC string does the same work and answers false. */
  verify(phc: string | undefined, password: string, from?: string): Promise<boolean>
  /** Whether the PHC string was made with other parameters than today's. */
  needsRehash(phc: string): boolean
}

/**
 * Soft, short-lived state: losing it means "try again", never a security hole. What is stored once and what is counted
 * outlives a flushed or absent Redis; a value that is put may be lost with it, and one replaced or deleted while it was
 * away may be found once more.
 */
export interface Ephemeral {
  get(key: string): Promise<string | undefined>
  put(key: string, value: string, ttlSeconds: number): Promise<void>
  /** Stores only if absent; true for the one caller that stored it. */
  putOnce(key: string, value: string, ttlSeconds: number): Promise<boolean>
  /** Returns and removes the value; of any number of callers one gets it. */
  take(key: string): Promise<string | undefined>
  delete(key: string): Promise<void>
  /**
   * Adds `by` (may be negative, never falls below 0) and returns the new count.
   * The lifetime is set by the first increment and not extended by later ones.
   */
  increment(key: string, ttlSeconds: number, by?: number): Promise<Counter>
}

export interface Counter {
  count: number
  /** Seconds until the counter starts again at zero. */
  resetsInSeconds: number
}

export interface UserRepository {
  find(id: string): Promise<User | undefined>
  /** By e-mail address or username, each without regard to case (see `identifiers.ts`). */
  findByEmail(email: string): Promise<User | undefined>
  findByUsername(username: string): Promise<User | undefined>
  /** Throws `DomainError('email_taken')` when the address is in use. */
  insert(user: NewUser): Promise<User>
  /** Marks the address verified only if it is still the user's address. False: it no longer is. */
  markEmailVerified(id: string, email: string): Promise<boolean>
  passwordHash(id: string): Promise<string | undefined>
  setPassword(id: string, phc: string): Promise<void>
  /** Replaces the hash only if it still is `from` (rehash must not undo a concurrent change). */
  rehashPassword(id: string, from: string, to: string): Promise<boolean>
  /** Replaces the hash by what is made of it. False: there is none. */
  changeHash(id: string, change: (phc: string) => string): Promise<boolean>
  /** Replaces the whole profile. False: there is no such user. */
  setProfile(id: string, profile: Profile): Promise<boolean>
  /** False: they have it already. */
  addRole(id: string, role: string): Promise<boolean>
  roles(id: string): Promise<string[]>
  /** Whether anybody has the role. */
  anyoneHasRole(role: string): Promise<boolean>
  /**
   * Holds a username for a registration for a while, whatever comes of it. True: free, run out, or held by the same
   * flow already. False: the name is taken.
   */
  reserveUsername(username: string, flow: string, ttlSeconds: number): Promise<boolean>
  /** Gives the user the username if it is free or held by this flow. False: somebody else has it now. */
  takeUsername(username: string, userId: string, flow?: string): Promise<boolean>
  /** False: there is no such user. Throws `last_owner`. */
  setStatus(id: string, status: User['status']): Promise<boolean>
  /** Removes the account with all that is theirs; the id is random and never comes again. False: there was none. Throws `last_owner`. */
  delete(id: string): Promise<boolean>
}

export interface EmailProofRepository {
  /** Replaces the unused proof of the same flow and purpose; where that was the same account's, an end that is later stays. */
  insert(proof: NewEmailProof): Promise<EmailProof>
  find(id: string): Promise<EmailProof | undefined>
  /** The newest unused registration under this e-mail address or username. */
  findRegistration(identifier: string): Promise<EmailProof | undefined>
  /** The newest unused proof of the address of this account, or of the registration that will be this account. */
  findOpen(userId: string): Promise<EmailProof | undefined>
  /** Counts one attempt at the code; false when it is used, expired or has no attempts left. */
  countAttempt(id: string, maxAttempts: number): Promise<boolean>
  /** Compare-and-set: the proof for the one caller that consumed it, undefined for all others. */
  consume(id: string): Promise<EmailProof | undefined>
  /** Makes all unused proofs of this purpose for this user worthless. */
  expireAll(userId: string, purpose: ProofPurpose): Promise<void>
}

/** Work that must happen although the process may die: rows written in the caller's transaction. */
export interface OutboxRepository {
  insert(job: OutboxJobs[OutboxKind]): Promise<void>
  /**
   * Claims up to `limit` due jobs of a kind for `leaseSeconds`, skipping those claimed by others.
   * @param except applications whose jobs are left where they are
   */
  claim<K extends OutboxKind>(
    kind: K,
    limit: number,
    leaseSeconds: number,
    except?: readonly string[],
  ): Promise<OutboxRow<K>[]>
  /** Removes a finished job. */
  done(id: string): Promise<void>
  /** Tries again in `afterSeconds`; `error` must hold no secret. */
  retry(id: string, afterSeconds: number, error: string): Promise<void>
  /** Gives up; the row stays as a dead letter. */
  bury(id: string, error: string): Promise<void>
  /** Jobs of a kind that wait, and dead letters. */
  counts(kind: OutboxKind): Promise<{ waiting: number; dead: number }>
  /** How many seconds the job is late that is due longest; 0: none is. */
  lagSeconds(kind: OutboxKind): Promise<number>
}

export interface OutboxRow<K extends OutboxKind = OutboxKind> {
  id: string
  job: OutboxJobs[K]
  /** How often it was claimed, this time included. */
  attempts: number
}

/** APIs that take our tokens, by audience. */
export interface ResourceServerRepository {
  find(audience: string): Promise<ResourceServer | undefined>
  /** In a transaction: nobody else changes it before its end. */
  lock(audience: string): Promise<ResourceServer | undefined>
  list(): Promise<ResourceServer[]>
  /** Raised by every change of it. */
  version(audience: string): Promise<number | undefined>
  /** Inserts or replaces; leaves its status as it is. Tells what there was to do. */
  save(server: Omit<ResourceServer, 'status'>): Promise<'created' | 'changed' | 'same'>
  /** False: there is no such API. */
  setStatus(audience: string, status: ResourceServer['status']): Promise<boolean>
  /** False: there was none. */
  delete(audience: string): Promise<boolean>
}

export interface SigningKeyRepository {
  /** All, retired ones too; in an order that is the same on every node. */
  list(): Promise<SigningKey[]>
  /** In a transaction: nobody else changes keys before its end. Returns the time by the database's clock. */
  lock(): Promise<Date>
  /** One key of a line is current, and one next: a second one throws. */
  add(key: NewSigningKey): Promise<void>
  /** A retired key is destroyed; that there was one is remembered for a year. */
  move(kid: string, to: KeyState): Promise<void>
}

/** Makes the key itself and its name. */
export type KeyMaker = (line: KeyLine) => Promise<Pick<SigningKey, 'kid' | 'jwk'>>

export interface SettingRepository {
  get(name: string): Promise<unknown>
  put(name: string, value: unknown): Promise<void>
  /** Compare-and-set removal: true for the one caller that removed this very value. */
  take(name: string, value: unknown): Promise<boolean>
}

/** Secrets that are made once and kept for as long as the deployment lives, whatever keys are changed. */
export interface DeploymentSecretRepository {
  /** The secret of that name; `make` is stored if there is none, once however many processes ask at the same moment. */
  once(name: string, make: () => string): Promise<string>
}

/** Failed requests, for a day. */
export interface FailureRepository {
  save(failure: FailureRecord): Promise<void>
  findByCode(code: string): Promise<FailureRecord | undefined>
  /** The newest one: a proxy may send one id twice. */
  findByRequestId(requestId: string): Promise<FailureRecord | undefined>
}

/** Types of authorization details (RFC 9396), disabled ones too. */
export interface AuthorizationTypeRepository {
  list(): Promise<AuthorizationType[]>
  /** Inserts or replaces the type of this name. */
  save(type: AuthorizationType): Promise<void>
}

export interface Repositories {
  users: UserRepository
  emailProofs: EmailProofRepository
  outbox: OutboxRepository
  audit: AuditRepository
  auditChain: AuditChainRepository
  auditKeys: AuditKeyRepository
  clients: ClientRepository
  initialAccessTokens: InitialAccessTokenRepository
  clientDocuments: ClientDocumentRepository
  consents: ConsentRepository
  resourceServers: ResourceServerRepository
  signingKeys: SigningKeyRepository
  settings: SettingRepository
  deploymentSecrets: DeploymentSecretRepository
  failures: FailureRepository
  authorizationTypes: AuthorizationTypeRepository
  access: AccessRevoker
  people: PeopleDirectory
  userTransfer: UserTransferRepository
  deletions: DeletionRepository
  applications: ClientDirectory
  trail: AuditTrail
  idempotency: IdempotencyStore
  roles: RoleRepository
  applicationRoles: ApplicationRoleRepository
  deadLetters: DeadLetterRepository
  accessDirectory: AccessDirectory
  usage: UsageRepository
  applied: AppliedState
  webhooks: WebhookRepository
}

/** The durable, transactional store. Its repositories outside `transaction` commit statement by statement. */
export interface Database extends Repositories {
  /** All or nothing. `work` must use only the repositories it is given; after a deadlock it is run again. */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>
}
