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

export interface ArtifactStore {
  /**
   * Inserts or replaces. `ttlSeconds` undefined: never expires.
   * Throws `ParentGoneError` when `payload.grantId` names a grant that does not exist.
   */
  upsert(
    model: ArtifactModel,
    id: string,
    payload: ArtifactPayload,
    ttlSeconds: number | undefined,
  ): Promise<void>
  /** The payload with its `jti`, unless absent or expired by the store's clock. */
  find(model: ArtifactModel, id: string): Promise<ArtifactPayload | undefined>
  /** Session by its `uid`. */
  findByUid(uid: string): Promise<ArtifactPayload | undefined>
  /** DeviceCode by its normalised `userCode`. */
  findByUserCode(userCode: string): Promise<ArtifactPayload | undefined>
  /** Compare-and-set: true for exactly one caller, ever; false for all others and for what is absent. */
  consume(model: ArtifactModel, id: string): Promise<boolean>
  /** Inserts only if absent (RFC 9449 11.1, RFC 7523 3: a `jti` counts once); true for the one that inserted. */
  claim(model: ArtifactModel, id: string, ttlSeconds: number): Promise<boolean>
  /** Removes one; with a Grant goes everything issued under it. */
  destroy(model: ArtifactModel, id: string): Promise<void>
  /** Removes every artifact of the model issued under the grant. */
  revokeByGrantId(model: ArtifactModel, grantId: string): Promise<void>
  /** Sessions of an account that are alive. */
  findSessionsByAccount(accountId: string): Promise<ArtifactPayload[]>
  /**
   * Ends one session by its `uid`, for good: a request still in flight cannot write it back under another id.
   * (`destroy` cannot do that: the engine calls it for every change of the id, too.)
   */
  endSession(uid: string): Promise<void>
  /** Removes sessions, grants and everything under them. */
  revokeByAccount(accountId: string): Promise<void>
  /** Removes everything issued to or registered for a client. */
  revokeByClient(clientId: string): Promise<void>
  /** Deletes up to `batchSize` expired rows of each model; returns how many went. */
  purgeExpired(batchSize: number): Promise<number>
}
