/** Which route an address means. The table is small, and built once. */
import { ApiProblem } from './problem.ts'
import type { Method, Route } from './route.ts'

export interface Matched {
  route: Route
  params: Record<string, string>
}

export type Match = (method: string, path: string) => Matched

/** @throws Error when two routes have one address */
export function matcher(routes: readonly Route[]): Match {
  const table = routes.map((route) => ({ route, parts: route.path.split('/') }))
  const seen = new Set<string>()
  for (const { route, parts } of table) {
    const address = `${route.method} ${parts.map((part) => (part.startsWith(':') ? ':' : part)).join('/')}`
    if (seen.has(address)) throw new Error(`two routes for ${address}`)
    seen.add(address)
  }
  return (method, path) => {
    const parts = path.split('/')
    const found = table
      .filter((entry) => fits(entry.parts, parts))
      // What is named goes before what is a parameter: `/users/me` before `/users/:id`.
      .sort((one, other) => variables(one.parts) - variables(other.parts))
    const wanted = (method === 'HEAD' ? 'GET' : method) as Method
    const match = found.find(({ route }) => route.method === wanted)
    if (match) return { route: match.route, params: paramsOf(match.parts, parts) }
    if (found.length === 0) throw new ApiProblem('not_found')
    const allowed = [...new Set(found.map(({ route }) => route.method))]
    const all = allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed
    throw new ApiProblem('method_not_allowed', { headers: { Allow: [...all, 'OPTIONS'].join(', ') } })
  }
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, index) => (part.startsWith(':') ? parts[index] !== '' : part === parts[index]))
  )
}

function variables(pattern: readonly string[]): number {
  return pattern.filter((part) => part.startsWith(':')).length
}

/** The front door has seen to it that the address can be decoded. */
function paramsOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> {
  const named = pattern.flatMap((part, index) =>
    part.startsWith(':') ? [[part.slice(1), decodeURIComponent(parts[index] as string)]] : [],
  )
  return Object.fromEntries(named)
}
