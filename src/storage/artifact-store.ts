/**
 * The port below the engine's adapter: what must be kept for `oidc-provider`, model by model.
 * Ids are bearer secrets (the engine uses the token's value as id), so an implementation stores only a keyed hash
 * of each id and never the id itself. It decides what is single use; the engine only reads.
 */

/** Models of the engine that are kept here; `Client` lives in its own table. */
export const ARTIFACT_MODELS = [
  'Session',
  'Interaction',
  'Grant',
  'AuthorizationCode',
  'RefreshToken',
  'AccessToken',
  'ClientCredentials',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PushedAuthorizationRequest',
  'ReplayDetection',
  'InitialAccessToken',
  'RegistrationAccessToken',
] as const

export type ArtifactModel = (typeof ARTIFACT_MODELS)[number]

/** The engine's payload; `jti` is stripped before storing and given back by `find`. */
export interface ArtifactPayload {
  jti?: string
  uid?: string
  userCode?: string
  grantId?: string
  /** instead of `grantId`: the grant of another client, with which this ends all the same */
  under?: { grantId: string }
  accountId?: string
  clientId?: string
  /** epoch seconds; set by the store on what `find` returns once it was consumed */
  consumed?: number | undefined
  [member: string]: unknown
}

/** The grant (or session) this artifact hangs on is gone: nothing was written. */
export class ParentGoneError extends Error {
  constructor() {
    super('the grant this belongs to no longer exists')
    this.name = 'ParentGoneError'
  }
}

export interface UpsertOptions {
  /** Session: what was found in its `authorizations` and is there no more is taken off; else they are only added to. */
  replaceAuthorizations?: boolean
}

/**
 * Inside a unit of work (`unit-of-work.ts`) reads are remembered and writes wait for its commit; outside, each call is
 * a unit of its own.
 */
export interface ArtifactStore {
  /**
   * Inserts or replaces. `ttlSeconds` undefined: never expires.
   * @throws ParentGoneError when `payload.grantId` names a grant that does not exist, or the session was ended (inside
   * a unit: at its commit)
   */
  upsert(
    model: ArtifactModel,
    id: string,
    payload: ArtifactPayload,
    ttlSeconds: number | undefined,
    options?: UpsertOptions,
  ): Promise<void>
  /** The payload with its `jti`, unless absent or expired by the store's clock. */
  find(model: ArtifactModel, id: string): Promise<ArtifactPayload | undefined>
  /** Session by its `uid`. */
  findByUid(uid: string): Promise<ArtifactPayload | undefined>
  /** DeviceCode by its normalised `userCode`. */
  findByUserCode(userCode: string): Promise<ArtifactPayload | undefined>
  /**
   * Compare-and-set: true for exactly one caller, ever; false for all others and for what is absent. Inside a unit
   * true is a promise: its commit fails with `UnitLost` when another was first.
   */
  consume(model: ArtifactModel, id: string): Promise<boolean>
  /** As `consume`, and leaves the value that takes the place of this one for `successorOf`. */
  consumeFor(model: 'RefreshToken', id: string, successor: string): Promise<boolean>
  /** What took the place of a consumed value, while it was consumed at most `withinSeconds` ago. */
  successorOf(model: 'RefreshToken', id: string, withinSeconds: number): Promise<string | undefined>
  /** Inserts only if absent (RFC 9449 11.1, RFC 7523 3: a `jti` counts once); true as with `consume`. */
  claim(model: 'ReplayDetection', id: string, ttlSeconds: number): Promise<boolean>
  /** Removes what may be used once; false (or the loss of the unit) when somebody else was first. */
  take(model: 'RegistrationAccessToken', id: string): Promise<boolean>
  /** Removes one; with a Grant goes everything issued under it. */
  destroy(model: ArtifactModel, id: string): Promise<void>
  /** A session continues under another id; for a moment the old one still leads to it. */
  rotateSession(oldId: string, newId: string): Promise<void>
  /** Takes back what this unit was about to write about one artifact. */
  withdraw(model: ArtifactModel, id: string): void
  /** Removes every artifact of the model issued under the grant. */
  revokeByGrantId(model: ArtifactModel, grantId: string): Promise<void>
  /** Sessions of an account that are alive. */
  findSessionsByAccount(accountId: string): Promise<ArtifactPayload[]>
  /**
   * Ends one session by its `uid`, for good: a request still in flight cannot write it back under another id.
   * (`destroy` cannot do that: the engine calls it for every change of the id, too.) At once, unit or not.
   */
  endSession(uid: string): Promise<void>
  /** Deletes up to `batchSize` expired rows of each model; returns how many went. */
  purgeExpired(batchSize: number): Promise<number>
}
