/** `RESOURCE_SERVERS`: the APIs that are declared by the settings, by the rules of all APIs. Pure. */
import { z } from 'zod'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import { DEFAULTS, faultsOf, type ResourceServerSettings } from '../domain/resources/resource-server.ts'
import type { Fault } from './read-env.ts'

const NAME = 'RESOURCE_SERVERS'

const scope = z.union([
  z.string().transform((name) => ({ name })),
  z.strictObject({ name: z.string(), description: z.string().optional() }),
])

/** The shape; what the values may be is the domain's to say. */
const shape = z.array(
  z.object({
    audience: z.string(),
    name: z.string().optional(),
    scopes: z.array(scope),
    tokenTtl: z.number().default(DEFAULTS.tokenTtl),
    tokenFormat: z.enum(['jwt', 'opaque']).default(DEFAULTS.tokenFormat),
    signingAlgorithm: z.enum(['ES256', 'RS256', 'PS256', 'EdDSA']).default(DEFAULTS.signingAlgorithm),
    clients: z.union([z.literal('all'), z.array(z.string())]).default(DEFAULTS.clients),
    documentation: z.string().optional(),
    publishMetadata: z.boolean().default(DEFAULTS.publishMetadata),
    exchangeable: z.boolean().default(DEFAULTS.exchangeable),
    includesRoles: z.boolean().default(DEFAULTS.includesRoles),
  }),
)
const MEMBERS = Object.keys(shape.element.shape)

export function resourceServersOf(
  text: string | undefined,
  algorithms: readonly SigningAlgorithm[],
  faults: Fault[],
): ResourceServerSettings[] {
  if (text === undefined) return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    faults.push({ name: NAME, problem: `is not JSON: ${(error as Error).message}` })
    return []
  }
  const result = shape.safeParse(value)
  if (!result.success) {
    for (const { path, message } of result.error.issues)
      faults.push({ name: [NAME, ...path].join('.'), problem: message })
    return []
  }
  for (const [index, entry] of (value as object[]).entries())
    for (const member of Object.keys(entry).filter((one) => !MEMBERS.includes(one)))
      faults.push({ name: `${NAME}.${index}.${member}`, problem: 'is no member of a resource server' })
  for (const [index, server] of result.data.entries()) {
    for (const { member, problem } of faultsOf(server, algorithms))
      faults.push({ name: `${NAME}.${index}.${member}`, problem })
    if (result.data.findIndex(({ audience }) => audience === server.audience) < index)
      faults.push({ name: `${NAME}.${index}.audience`, problem: 'is declared twice' })
  }
  return result.data
}

/** What the sample apps call, in evaluation mode. */
export function sampleApi(origin: string): ResourceServerSettings {
  return {
    ...DEFAULTS,
    audience: `${origin}/api`,
    name: 'Sample API',
    scopes: [{ name: 'api:read', description: 'Read a greeting' }],
  }
}
