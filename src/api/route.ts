/**
 * One operation of the API, as data: its address, what goes in and comes out, who may, and the one service method
 * behind it. Validation, documentation and the tests that walk all routes are made of this and nothing else.
 */
import type { z } from 'zod'
import type { Actor as By } from '../domain/access/service.ts'
import type { RequestFacts } from '../domain/audit/events.ts'
import type { Bearer } from '../domain/permissions/bearer.ts'
import type { Actor, Permission, Target } from '../domain/permissions/permissions.ts'
import type { ApiServices } from './deps.ts'
import type { ProblemCode } from './problem.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a handler is given: validated, and asked for by somebody who may. */
export interface Call<Params, Query, Body> {
  /** of a route for anyone: nobody */
  actor: Actor & Pick<Bearer, 'clientId' | 'sessionUid' | 'expiresAt'>
  /** for the audit record */
  by: By
  facts: RequestFacts
  params: Params
  query: Query
  body: Body
  /** the version that If-Match names; undefined: whatever it is now (`*`) */
  version: number | undefined
}

export interface Reply<Output> {
  body: Output
  /** becomes the ETag */
  version?: number
  /** address of what was created */
  location?: string
}

export interface RouteDefinition<Params, Query, Body, Output> {
  method: Method
  /** with `:name` for parameters */
  path: string
  /** operationId: the name of the method in generated clients */
  operation: string
  tag:
    | 'Sign-in'
    | 'Your account'
    | 'People'
    | 'Applications'
    | 'Roles'
    | 'APIs'
    | 'Keys'
    | 'Audit'
    | 'Webhooks'
    | 'System'
  summary: string
  input: {
    params?: z.ZodType<Params>
    query?: z.ZodType<Query>
    body?: z.ZodType<Body>
    /** instead of a body in JSON: lines, each of them JSON; `body` is all of them */
    lines?: { limitBytes: number }
  }
  /** undefined: nothing comes back (204) */
  output: z.ZodType<Output> | undefined
  /** instead of an output: lines of JSON, written as they are made (`body` is an AsyncIterable) */
  streams?: true
  /** of success, where it is not 200, or 204 without output */
  status?: 201 | 202
  /** those of its own; what every route may answer is added */
  errors: readonly ProblemCode[]
  /** 'anyone': asked for without a token, counted by network, and careful of what it tells strangers */
  permission: Permission | 'anyone'
  /** whom it is about; undefined when there is no such person. Without it: nobody in particular, or one's own */
  target?: (params: Params, services: ApiServices) => Promise<Target | undefined>
  /** an edit: needs If-Match */
  conditional?: true
  /** a creation: may be repeated under an Idempotency-Key; of a person (`id` of the output): as long as they are there */
  repeatable?: true | 'person'
  handle(call: Call<Params, Query, Body>, services: ApiServices): Promise<Reply<Output>>
}

/** A route whose types have done their work. */
export type Route = RouteDefinition<unknown, unknown, unknown, unknown>

export function defineRoute<Params = unknown, Query = unknown, Body = unknown, Output = undefined>(
  definition: RouteDefinition<Params, Query, Body, Output>,
): Route {
  return definition as unknown as Route
}

/** Of any route: validation, the store. */
const COMMON_ERRORS: readonly ProblemCode[] = [
  'malformed',
  'invalid_parameter',
  'throttled',
  'internal_error',
  'unavailable',
]

/** Of routes that take a token. */
const TOKEN_ERRORS: readonly ProblemCode[] = [
  'token_missing',
  'invalid_token',
  'invalid_dpop_proof',
  'insufficient_scope',
  'forbidden',
]

/** Every code the route may answer with. */
export function errorsOf(route: Route): ProblemCode[] {
  return [
    ...new Set<ProblemCode>([
      ...COMMON_ERRORS,
      ...(route.permission === 'anyone' ? [] : TOKEN_ERRORS),
      ...(route.input.params || route.target ? (['not_found'] as const) : []),
      ...(route.input.body ? (['unsupported_media_type', 'invalid_input', 'too_large'] as const) : []),
      ...(route.input.lines ? (['unsupported_media_type', 'too_large'] as const) : []),
      ...(route.conditional ? (['stale', 'version_required'] as const) : []),
      ...(route.repeatable ? (['in_flight', 'key_reused'] as const) : []),
      ...route.errors,
    ]),
  ]
}

export function successOf(route: Route): number {
  return route.status ?? (route.output || route.streams ? 200 : 204)
}
