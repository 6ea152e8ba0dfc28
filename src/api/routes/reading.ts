/** Reading that several routes share. */
import type { z } from 'zod'
import type { Application, Person } from '../../domain/directory/directory.ts'
import type { Target } from '../../domain/permissions/permissions.ts'
import type { ApiServices } from '../deps.ts'
import { ApiProblem } from '../problem.ts'
import type { CONSENTS, SESSIONS } from '../schemas.ts'

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
  return { items: sessions.map(({ id, clientIds }) => ({ id, client_ids: clientIds })) }
}

export async function consentsOf(
  userId: string,
  { directory }: ApiServices,
): Promise<z.infer<typeof CONSENTS>> {
  const consents = await directory.people.consents(userId)
  return {
    items: consents.map(({ clientId, scopes, claims, resources, updatedAt }) => ({
      client_id: clientId,
      ...{ scopes, claims, resources },
      updated_at: updatedAt.toISOString(),
    })),
  }
}
