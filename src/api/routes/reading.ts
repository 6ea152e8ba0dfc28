/** Reading that several routes share. */
import type { z } from 'zod'
import { requesterOf } from '../../domain/audit/events.ts'
import type { Application, AuditRecord, Person } from '../../domain/directory/directory.ts'
import type { Target } from '../../domain/permissions/permissions.ts'
import type { ApiServices } from '../deps.ts'
import { ApiProblem } from '../problem.ts'
import { type CONSENTS, consentOf, type SESSIONS, sessionOf } from '../schemas.ts'

/** @throws ApiProblem `not_found` */
export async function personOf(id: string, { directory }: ApiServices): Promise<Person> {
  const person = await directory.people.find(id)
  if (!person) throw new ApiProblem('not_found')
  return person
}

/** The target of a route about one person. */
export async function targetOf(
  { id }: { id: string },
  { directory, permissionsOf }: ApiServices,
): Promise<Target | undefined> {
  const person = await directory.people.find(id)
  return person && { userId: person.id, permissions: await permissionsOf(person.id) }
}

/** @throws ApiProblem `not_found` */
export async function applicationOf(id: string, { directory }: ApiServices): Promise<Application> {
  const client = await directory.applications.find(id)
  if (!client) throw new ApiProblem('not_found')
  return client
}

export async function sessionsOf(
  userId: string,
  { directory }: ApiServices,
): Promise<z.infer<typeof SESSIONS>> {
  const sessions = await directory.access.openSessions(userId)
  return { items: sessions.map(sessionOf) }
}

export async function consentsOf(
  userId: string,
  { directory }: ApiServices,
): Promise<z.infer<typeof CONSENTS>> {
  const consents = await directory.people.consents(userId)
  return { items: consents.map(consentOf) }
}

/** Of what an administrator did to the account it is said who did it: not from where, and by which browser. */
export function withoutPlace(record: AuditRecord, userId: string): AuditRecord {
  if (requesterOf(record) === userId) return record
  return { ...record, ip: undefined, userAgent: undefined }
}
