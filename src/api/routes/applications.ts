/** Applications, for administrators. */
import { z } from 'zod'
import { lint, type Weakness } from '../../domain/clients/lint.ts'
import { FORMER_DAYS } from '../../domain/clients/secrets.ts'
import type { TestRequest } from '../../domain/clients/test-url.ts'
import type { Application } from '../../domain/directory/directory.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import type { ApiServices } from '../deps.ts'
import { defineRoute, type Route } from '../route.ts'
import { CLIENT, CLIENT_PARAMS, CLIENT_SECRET, clientOf, GIVEN_PERMISSIONS, secretOf } from '../schemas.ts'
import { applicationOf } from './reading.ts'

const LIST = '/api/v1/admin/clients'
const ONE = `${LIST}/:id`
const tag = 'Applications'

/** Said beside the metadata or by operations of their own; who may ask for passwords is said in `CLIENTS_FILE` only. */
export const NOT_METADATA = [
  ...['client_id', 'client_secret', 'first_party', 'self_registered', 'first_party_challenge'],
  'api_permissions',
]
const metadata = z
  .record(z.string().max(100), z.unknown())
  .refine(
    (value) => !NOT_METADATA.some((name) => Object.hasOwn(value, name)),
    `must not hold ${NOT_METADATA.join(', ')}`,
  )
  .describe('client metadata of OpenID Connect Dynamic Registration 1.0')

const secret = z.string().describe('shown this once')

const WEAKNESSES = z.array(
  z.strictObject({
    code: z.string(),
    severity: z.enum(['error', 'warning', 'advice']),
    what: z.string(),
    change: z.string(),
  }),
)

const TEST_URL = z.strictObject({
  url: z.string(),
  redirect_uri: z.string().describe('where the answer goes'),
  ...{ state: z.string(), nonce: z.string(), code_verifier: z.string() },
  needs: z.enum(['pushed_request', 'signed_request']).nullable().describe('why the address is not enough'),
  weaknesses: WEAKNESSES,
})

export function testUrlOf(
  { url, redirectUri, state, nonce, codeVerifier, needs }: TestRequest,
  weaknesses: Weakness[],
): z.infer<typeof TEST_URL> {
  return {
    ...{ url, redirect_uri: redirectUri, state, nonce, code_verifier: codeVerifier },
    ...{ needs: needs ?? null, weaknesses },
  }
}

export const applicationRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listClients', tag, summary: 'List and search applications' },
    input: {
      query: z.strictObject({
        ...PAGE_QUERY,
        search: z.string().trim().min(1).max(100).optional().describe('what the id or the name begins with'),
        status: z.enum(['active', 'disabled']).optional(),
      }),
    },
    ...{ output: pageSchema(CLIENT), errors: [], permission: 'clients:read' },
    async handle({ query }, { directory, sealer }) {
      const { search, status } = query
      const read = (page: Parameters<typeof directory.applications.list>[0]) =>
        directory.applications.list({ ...page, search, status })
      return { body: await paged('clients', query, sealer, read, clientOf) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createClient', tag, status: 201, repeatable: true },
    summary: 'Create an application; its secret is shown this once',
    input: {
      body: z.strictObject({
        client_id: z
          .string()
          .regex(/^[\x21-\x7e]{1,255}$/, 'must be printable ASCII without spaces')
          .optional(),
        first_party: z.boolean().optional().describe('your own: people are not asked for consent'),
        metadata,
      }),
    },
    output: z.strictObject({ ...CLIENT.shape, client_secret: secret.optional() }),
    ...{ errors: ['client_taken'], permission: 'clients:write' },
    async handle({ body, by }, { clients }) {
      const { client_id: id, first_party: firstParty, metadata } = body
      const { client, secret } = await clients.create({ id, firstParty, metadata }, by)
      return {
        body: { ...clientOf(client), ...(secret === undefined ? {} : { client_secret: secret }) },
        version: client.version,
        location: `${LIST}/${encodeURIComponent(client.id)}`,
      }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: ONE, operation: 'readClient', tag, summary: 'Read one application' },
    input: { params: CLIENT_PARAMS },
    ...{ output: CLIENT, errors: [], permission: 'clients:read' },
    async handle({ params }, services) {
      const client = await applicationOf(params.id, services)
      return { body: clientOf(client), version: client.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ONE, operation: 'updateClient', tag },
    summary: 'Change metadata: members that are absent stay, null takes one away (RFC 7396)',
    input: { params: CLIENT_PARAMS, body: z.strictObject({ metadata }) },
    ...{ output: CLIENT, errors: [], permission: 'clients:write', conditional: true },
    async handle({ params, body, version, by }, { clients }) {
      const client = await clients.update(params.id, version, body.metadata, by)
      return { body: clientOf(client), version: client.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'deleteClient', tag },
    summary: 'Delete an application with everything issued to it',
    input: { params: CLIENT_PARAMS },
    ...{ output: undefined, errors: [], permission: 'clients:write' },
    async handle({ params, by }, { access }) {
      await access.deleteClient(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/disable`, operation: 'disableClient', tag },
    summary: 'To the protocol it exists no more; its tokens end at once',
    input: { params: CLIENT_PARAMS },
    ...{ output: undefined, errors: [], permission: 'clients:write' },
    async handle({ params, by }, { access }) {
      await access.disableClient(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{
      method: 'POST',
      path: `${ONE}/enable`,
      operation: 'enableClient',
      tag,
      summary: 'Let it work again',
    },
    input: { params: CLIENT_PARAMS },
    ...{ output: undefined, errors: [], permission: 'clients:write' },
    async handle({ params, by }, { access }) {
      await access.enableClient(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/secret`, operation: 'replaceClientSecret', tag, repeatable: true },
    summary: 'Another secret; the one before goes on working for a while, or ends at once',
    input: {
      params: CLIENT_PARAMS,
      query: z.strictObject({
        keep_days: z.coerce
          .number()
          .int()
          .min(FORMER_DAYS.least)
          .max(FORMER_DAYS.most)
          .default(FORMER_DAYS.usual)
          .describe('how long the one before goes on working'),
        expire_now: z.enum(['true', 'false']).default('false').describe('it got into wrong hands'),
      }),
    },
    output: z.strictObject({ client_id: z.string(), client_secret: secret }),
    ...{ errors: ['no_secret'], permission: 'clients:write' },
    async handle({ params, query, by }, { clients }) {
      const keepDays = query.expire_now === 'true' ? 0 : query.keep_days
      const { client, secret } = await clients.replaceSecret(params.id, undefined, by, { keepDays })
      return { body: { client_id: client.id, client_secret: secret }, version: client.version }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ONE}/secrets`, operation: 'listClientSecrets', tag },
    summary: 'Which secrets work: when each was made, last used, and ends; never the secrets',
    input: { params: CLIENT_PARAMS },
    output: z.strictObject({ items: z.array(CLIENT_SECRET) }),
    ...{ errors: [], permission: 'clients:read' },
    async handle({ params }, services) {
      await applicationOf(params.id, services)
      const secrets = await services.directory.clients.secrets(params.id)
      return { body: { items: secrets.map(secretOf) } }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ONE}/secrets/former`, operation: 'revokeFormerClientSecret', tag },
    summary: 'End the former secret before its time; to end the current one, replace it with expire_now',
    input: { params: CLIENT_PARAMS },
    ...{ output: undefined, errors: [], permission: 'clients:write' },
    async handle({ params, by }, { clients }) {
      await clients.revokeFormerSecret(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'PUT', path: `${ONE}/api-access`, operation: 'allowClientApi', tag },
    summary: 'What it may do here on its own account (client credentials); an empty list ends that at once',
    input: { params: CLIENT_PARAMS, body: z.strictObject({ permissions: GIVEN_PERMISSIONS }) },
    ...{ output: CLIENT, errors: ['stale'], permission: 'clients:write' },
    async handle({ params, body, by }, { clients }) {
      const client = await clients.allowApi(params.id, body.permissions, by)
      return { body: clientOf(client), version: client.version }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/test-url`, operation: 'makeTestUrl', tag },
    summary:
      'An address to try its sign-in with, what the exchange of the code needs, and what is weak in it',
    input: { params: CLIENT_PARAMS },
    output: TEST_URL,
    ...{ errors: ['no_sign_in'], permission: 'clients:read' },
    async handle({ params }, services) {
      const client = await applicationOf(params.id, services)
      return { body: testUrlOf(services.testRequest(client), await weaknessesOf(client, services)) }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ONE}/lint`, operation: 'lintClient', tag },
    summary: 'What is weak in an application, and the change that mends each',
    input: { params: CLIENT_PARAMS },
    output: z.strictObject({ items: WEAKNESSES }),
    ...{ errors: [], permission: 'clients:read' },
    async handle({ params }, services) {
      const client = await applicationOf(params.id, services)
      return { body: { items: await weaknessesOf(client, services) } }
    },
  }),
]

async function weaknessesOf(client: Application, { directory }: ApiServices): Promise<Weakness[]> {
  return lint(client, await directory.clients.secrets(client.id))
}
