/** What ending access needs from the store; the rest of it is in `../ports.ts`. */

/**
 * Ends access for good: what is ended stays ended, whatever is in flight (docs/decisions/0016-what-ends-what.md).
 */
export interface AccessRevoker {
  /** Everything of a person, in every browser and app; and what was proven until now counts for nothing. */
  revokeAccount(userId: string): Promise<void>
  /** Everything issued to a client. */
  revokeClient(clientId: string): Promise<void>
  /** Every opaque token for an API. */
  revokeResource(audience: string): Promise<void>
  /** The same, and all that people allowed of it. */
  forgetResource(audience: string): Promise<void>
  /** What a person allowed a client, and everything granted by it. False: nothing was remembered. */
  withdrawConsent(userId: string, clientId: string): Promise<boolean>
  /** One session and all that was granted in it, offline access too. False: the person has no such session open. */
  endSession(userId: string, sessionId: string): Promise<boolean>
  openSessions(userId: string): Promise<OpenSession[]>
  /** As `endSession`, by what its tokens know of it (the engine's `sessionUid`). */
  endSessionOf(userId: string, uid: string): Promise<boolean>
}

export interface OpenSession {
  /** names the session to an administrator; opens nothing */
  id: string
  /** applications it is signed in to */
  clientIds: string[]
}
