/** The OpenAPI 3.1 description, made of the routes: what is validated is what is documented. */
import { z } from 'zod'
import { PERMISSION_NAMES, PERMISSIONS } from '../domain/permissions/permissions.ts'
import { PROBLEMS, type ProblemCode } from './problem.ts'
import { errorsOf, type Route, successOf } from './route.ts'

type Json = Record<string, unknown>

/** Read by Swagger UI and by generators of clients; `issuer` is where the API is and who issues its tokens. */
export function openApi(routes: readonly Route[], issuer: string, version: string): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Ostiary API', version, description: ABOUT },
    servers: [{ url: issuer }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(routes),
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        signIn: {
          type: 'oauth2',
          flows: {
            authorizationCode: {
              authorizationUrl: `${issuer}/auth`,
              tokenUrl: `${issuer}/token`,
              scopes: PERMISSIONS,
            },
          },
        },
      },
    },
    security: [{ signIn: [] }],
  }
}

const ABOUT = `Access tokens come from this issuer: ask for \`resource\` = the issuer with \`/api\`, and for the scopes you need
(${PERMISSION_NAMES.join(', ')}). What happens is what the application was given and the person's roles allow.`

function pathsOf(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return paths
}

function operationOf(route: Route): Json {
  const { input, permission } = route
  const success = successOf(route)
  return {
    operationId: route.operation,
    summary: route.summary,
    tags: [route.tag],
    security: permission === 'anyone' ? [] : [{ signIn: [permission] }],
    parameters: [
      ...parametersOf('path', input.params),
      ...parametersOf('query', input.query),
      ...(route.conditional ? [header('If-Match', 'the ETag of what you read, or *', true)] : []),
      ...(route.repeatable
        ? [header('Idempotency-Key', 'sent again, it brings the same answer for 24 hours', false)]
        : []),
    ],
    ...(input.body
      ? { requestBody: { required: true, content: jsonOf(schemaOf(input.body, 'input')) } }
      : {}),
    ...(input.lines ? { requestBody: { required: true, content: LINES } } : {}),
    responses: {
      [success]: {
        description: 'Done',
        ...(route.output ? { content: jsonOf(schemaOf(route.output, 'output')) } : {}),
        ...(route.streams ? { content: LINES } : {}),
      },
      ...refusalsOf(route),
    },
  }
}

function parametersOf(where: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }))
}

function header(name: string, description: string, required: boolean): Json {
  return { name, in: 'header', required, description, schema: { type: 'string' } }
}

/** One answer a status: which codes it may hold is said in its description. */
function refusalsOf(route: Route): Json {
  const byStatus = Map.groupBy(errorsOf(route), (code) => PROBLEMS[code][0])
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  const describe = (codes: readonly ProblemCode[]) =>
    codes.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}`).join('\n\n')
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [status, { description: describe(codes), content }]),
  )
}

function jsonOf(schema: Json): Json {
  return { 'application/json': { schema } }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return json
}

/** One object of JSON a line: an application that reads them one by one needs no more memory for more of them. */
const LINES: Json = { 'application/x-ndjson': { schema: { type: 'string' } } }

/** RFC 9457 3 */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code'],
        properties: {
          pointer: { type: 'string' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
    request_id: { type: 'string' },
    auth_session: { type: 'string', description: 'goes on with a sign-in that has begun' },
  },
}
