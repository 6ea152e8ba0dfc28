/** What a request leaves behind, as data: collected in `unit.ts`, made one statement in `commit-sql.ts`. */
import type { ArtifactModel } from '../artifact-store.ts'
import type { Marked } from './audit-mark.ts'

export type Write =
  /** inserts or replaces a row */
  | {
      kind: 'put'
      model: ArtifactModel
      id: Buffer
      payload: string
      ttl: number | null
      /** values of `extraColumns(model)` */
      extra: (Buffer | string | null)[]
    }
  /** single use: the whole unit stands or falls with it */
  | { kind: 'use'; model: ArtifactModel; id: Buffer; successor: Buffer | null }
  /** insert-only: the whole unit stands or falls with it */
  | { kind: 'claim'; model: 'ReplayDetection'; id: Buffer; payload: string; ttl: number }
  /** single use by removal: the whole unit stands or falls with it */
  | { kind: 'take'; model: ArtifactModel; id: Buffer }
  | { kind: 'destroy'; model: ArtifactModel; id: Buffer }
  /** everything of the model under a grant */
  | { kind: 'revoke'; model: ArtifactModel; grant: Buffer }
  /** a session under a new id; the old one leads to it for a moment */
  | { kind: 'rotate'; model: 'Session'; id: Buffer; successor: Buffer }
  /** the session must not have been ended */
  | { kind: 'guard'; uid: Buffer }
  /** what a session is signed in to; the session must not have been ended */
  | {
      kind: 'family'
      uid: Buffer
      account: string
      ttl: number | null
      /** JSON: client id -> { sid, grantId, … } */
      authorizations: string
      /** hashed ids of the grants among them that end with the session, as a JSON list of hex */
      grants: string
      /** JSON: client id -> the grant it had when this request read the session, of those that get another */
      expected: string
      /** what is taken off, both as JSON lists: ids of clients, and grants that outlive the session; else all is added */
      taken?: { clients: string; grants: string }
    }
  /** a client as it registered itself; of one that is not new, what only an operator decides stays */
  | {
      kind: 'client'
      isNew: boolean
      id: string
      metadata: string
      secretDigest: string | null
      /** of a new one: the initial access token's id, `open`, or null for the operator's own */
      admittedBy: string | null
    }
  /** one use of an initial access token by its id: the whole unit stands or falls with it */
  | { kind: 'admit'; id: string }
  /** what a person allows an application, added to what is remembered; lists and the object as JSON */
  | {
      kind: 'consent'
      userId: string
      clientId: string
      scopes: string
      claims: string
      resources: string
    }
  /** a job, as JSON */
  | { kind: 'outbox'; job: string }
  | { kind: 'audit'; columns: Marked }

export interface AuditColumns {
  name: string
  outcome: string
  user_id: string | null
  client_id: string | null
  request_id: string | null
  /** of records from before it was sealed */
  ip: string | null
  user_agent: string | null
  detail: string | null
  /** what identifies somebody (`audit-privacy.ts`) */
  sealed: string | null
}

/** Names the row a write is about; two writes of one row never travel in one statement. */
export function rowOf(write: Write): string | undefined {
  switch (write.kind) {
    case 'guard':
    case 'family':
      return `family:${write.uid.toString('latin1')}`
    case 'revoke':
      return `${write.model}:under:${write.grant.toString('latin1')}`
    case 'client':
      return `client:${write.id}`
    case 'admit':
      return `admit:${write.id}`
    case 'consent':
      return `consent:${write.userId}\0${write.clientId}`
    case 'outbox':
    case 'audit':
      return undefined
    default:
      return `${write.model}:${write.id.toString('latin1')}`
  }
}
