/** APIs that take our tokens, and their scopes, for administrators. */
import { z } from 'zod'
import { SIGNING_ALGORITHMS } from '../../domain/keys/key.ts'
import {
  DEFAULTS,
  type ResourceServer,
  type ResourceServerSettings,
} from '../../domain/resources/resource-server.ts'
import type { ApiServices } from '../deps.ts'
import { ApiProblem } from '../problem.ts'
import { defineRoute, type Reply, type Route } from '../route.ts'

const LIST = '/api/v1/admin/resource-servers'
const ONE = `${LIST}/:id`
const tag = 'APIs'

const audience = z.string().min(1).max(512).describe('the resource indicator (RFC 8707)')
const PARAMS = z.strictObject({ id: audience })
const text = z.string().min(1).max(200)
const scopes = z
  .array(z.strictObject({ name: z.string().min(1).max(100), description: text.optional() }))
  .min(1)
  .max(200)

/** What the values may be besides is the domain's to say. */
const choices = {
  token_format: z.enum(['jwt', 'opaque']),
  token_ttl: z.number().int().describe('seconds'),
  signing_algorithm: z.enum(SIGNING_ALGORITHMS),
  clients: z.union([z.literal('all'), z.array(z.string().min(1).max(255)).max(1000)]),
  publish_metadata: z.boolean(),
  exchangeable: z.boolean(),
  includes_roles: z.boolean(),
}
const API = z.strictObject({
  audience: z.string(),
  name: z.string().nullable(),
  scopes: z.array(z.strictObject({ name: z.string(), description: z.string().optional() })),
  ...choices,
  documentation: z.string().nullable(),
  source: z.enum(['declared', 'operator']),
  status: z.enum(['active', 'disabled']),
})
const CHANGES = z
  .strictObject({ ...choices, scopes })
  .partial()
  .extend({
    name: text.nullable().optional(),
    documentation: z.string().max(1000).nullable().optional(),
  })

export const resourceRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listResourceServers', tag },
    summary: 'APIs that take our tokens; this one is there always, and not in the list',
    input: {},
    output: z.strictObject({ items: z.array(API) }),
    ...{ errors: [], permission: 'resources:read' },
    async handle(_call, { directory }) {
      return { body: { items: (await directory.resourceServers.list()).map(apiOf) } }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createResourceServer', tag, status: 201 },
    ...{ summary: 'Make an API known', repeatable: true },
    input: { body: CHANGES.extend({ audience, scopes }) },
    ...{ output: API, errors: [], permission: 'resources:write' },
    async handle({ body: { audience, ...body }, by }, services) {
      const settings = { ...DEFAULTS, ...settingsOf(body), scopes: body.scopes, audience }
      await services.resourceServers.create(settings, by)
      return { ...(await read(audience, services)), location: `${LIST}/${encodeURIComponent(audience)}` }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: ONE, operation: 'readResourceServer', tag, summary: 'Read one API' },
    input: { params: PARAMS },
    ...{ output: API, errors: [], permission: 'resources:read' },
    handle: ({ params }, services) => read(params.id, services),
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ONE, operation: 'updateResourceServer', tag },
    summary: 'Change an API; what it does not name stays',
    input: { params: PARAMS, body: CHANGES },
    ...{ output: API, errors: ['declared'], permission: 'resources:write', conditional: true },
    async handle({ params, body, version, by }, services) {
      await services.resourceServers.update(params.id, settingsOf(body), by, version)
      return read(params.id, services)
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'deleteResourceServer', tag },
    summary: 'Forget an API, with its opaque tokens and what people allowed of it',
    input: { params: PARAMS },
    ...{ output: undefined, errors: ['declared'], permission: 'resources:write' },
    async handle({ params, by }, { resourceServers }) {
      await resourceServers.remove(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/disable`, operation: 'disableResourceServer', tag },
    summary: 'Nobody gets tokens for it any more; opaque ones end at once',
    input: { params: PARAMS },
    ...{ output: undefined, errors: [], permission: 'resources:write' },
    async handle({ params, by }, { resourceServers }) {
      await resourceServers.disable(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/enable`, operation: 'enableResourceServer', tag },
    summary: 'Take that back; what ended stays ended',
    input: { params: PARAMS },
    ...{ output: undefined, errors: [], permission: 'resources:write' },
    async handle({ params, by }, { resourceServers }) {
      await resourceServers.enable(params.id, by)
      return { body: undefined }
    },
  }),
]

async function read(id: string, { directory }: ApiServices): Promise<Reply<z.infer<typeof API>>> {
  const [server, version] = await Promise.all([
    directory.resourceServers.find(id),
    directory.resourceServers.version(id),
  ])
  if (!server || version === undefined) throw new ApiProblem('not_found')
  return { body: apiOf(server), version }
}

function apiOf(server: ResourceServer): z.infer<typeof API> {
  return {
    audience: server.audience,
    name: server.name ?? null,
    scopes: [...server.scopes],
    token_format: server.tokenFormat,
    token_ttl: server.tokenTtl,
    signing_algorithm: server.signingAlgorithm,
    clients: server.clients === 'all' ? 'all' : [...server.clients],
    publish_metadata: server.publishMetadata,
    exchangeable: server.exchangeable,
    includes_roles: server.includesRoles,
    documentation: server.documentation ?? null,
    source: server.source === 'declared' ? 'declared' : 'operator',
    status: server.status,
  }
}

/** Only what was sent; `null` takes away. */
function settingsOf(changes: z.infer<typeof CHANGES>): Partial<Omit<ResourceServerSettings, 'audience'>> {
  const { name, documentation, ...others } = changes
  const settings = {
    scopes: others.scopes,
    tokenFormat: others.token_format,
    tokenTtl: others.token_ttl,
    signingAlgorithm: others.signing_algorithm,
    clients: others.clients,
    publishMetadata: others.publish_metadata,
    exchangeable: others.exchangeable,
    includesRoles: others.includes_roles,
  }
  return {
    ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    ...(name === undefined ? {} : { name: name ?? undefined }),
    ...(documentation === undefined ? {} : { documentation: documentation ?? undefined }),
  }
}
