/** APIs and their scopes in the operator's words, where there are any, for pages that ask whether an app may use them. */
import type { KnownResources } from '../oidc/known-resources.ts'
import type { ApiWords } from './view-models.ts'

export function apiWords(
  known: Pick<KnownResources, 'find'>,
  asked: Readonly<Record<string, readonly string[]>>,
): Promise<ApiWords[]> {
  return Promise.all(
    Object.entries(asked).map(async ([resource, codes]) => {
      const api = await known.find(resource)
      const described = new Map(api?.scopes.map(({ name, description }) => [name, description]))
      return {
        resource,
        name: api?.name,
        scopes: codes.map((code) => ({ code, description: described.get(code) })),
      }
    }),
  )
}
