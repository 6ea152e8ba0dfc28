/** Sessions and consents of everybody, as an administrator looks for them; where they are ended is `access/service.ts`. */
import type { PageOf, PageQuery } from '../directory/directory.ts'

export interface FoundSession {
  /** names the session to an administrator; opens nothing */
  id: string
  userId: string
  /** applications it is signed in to */
  clientIds: string[]
  startedAt: Date
}

export interface FoundConsent {
  userId: string
  clientId: string
  scopes: string[]
  updatedAt: Date
}

export interface AccessQuery extends PageQuery {
  userId?: string | undefined
  clientId?: string | undefined
}

export interface AccessDirectory {
  /** Open ones, newest first. */
  sessions(query: AccessQuery): Promise<PageOf<FoundSession>>
  /** What people allowed applications, by person and application. */
  consents(query: AccessQuery): Promise<PageOf<FoundConsent>>
}
