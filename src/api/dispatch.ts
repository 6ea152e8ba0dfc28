/**
 * The way of every request through the API: which route, who asks, how often, whether they may, what they sent, whether
 * it is still what they saw; then one call of a service, and its answer held to what is documented. Knows no Koa.
 */
import { z } from 'zod'
import type { RequestFacts } from '../domain/audit/events.ts'
import { type Bearer, TokenRefused } from '../domain/permissions/bearer.ts'
import { type Actor, denial, grantedTo, OWN, type Target } from '../domain/permissions/permissions.ts'
import { type Bucket, networkOf } from '../domain/protection/throttle.ts'
import { linesOf, parsedBody } from './body.ts'
import type { ApiDeps } from './deps.ts'
import { once } from './idempotency.ts'
import { matcher } from './match.ts'
import { ApiProblem, problemDocument } from './problem.ts'
import { type Reply, type Route, successOf } from './route.ts'
import { challenge, refusedToken, toProblem } from './translate.ts'
import { etagOf, validated, versionOf } from './validate.ts'

export interface ApiRequest {
  method: string
  /** as it came, still percent-encoded */
  path: string
  query: URLSearchParams
  header(name: string): string
  /** @throws ApiProblem `too_large` */
  body(limitBytes?: number): Promise<Buffer>
  facts: RequestFacts
}

export interface ApiResponse {
  status: number
  headers: Record<string, string>
  /** undefined: none */
  body?: unknown
  /** instead of a body: lines of JSON, as they come */
  lines?: AsyncIterable<string>
  /** the route's address with the names of its parameters, once it is known */
  route?: string
}

/** Who asks, by which app, and as whom it is recorded. */
type Caller = Actor & Pick<Bearer, 'clientId' | 'sessionUid' | 'expiresAt'> & { by: string }

const METADATA_PATH = '/.well-known/oauth-protected-resource/api'
const NOTHING = z.strictObject({})

/** Who asks without a token: may nothing that asks for a permission. */
const NOBODY: Caller = {
  by: 'anyone',
  userId: '',
  clientId: '',
  scopes: [],
  permissions: new Set(),
  sessionUid: undefined,
  expiresAt: 0,
}

export function createDispatch(deps: ApiDeps, routes: readonly Route[]) {
  const match = matcher(routes)
  const metadataUrl = deps.issuer + METADATA_PATH
  return async (request: ApiRequest): Promise<ApiResponse> => {
    let spent: Record<string, string> = {}
    let at: { route?: string } = {}
    try {
      const { route, params } = match(request.method, request.path)
      at = { route: route.path }
      const { throttle } = deps
      let actor = NOBODY
      if (route.permission === 'anyone')
        spent = await spend('network', throttle.apiNetwork(request.facts.ip), deps)
      else {
        const bearer = await authenticate(request, deps, metadataUrl)
        const whose = bearer.userId === undefined ? 'client' : 'person'
        spent = await spend(whose, throttle.api(nameOf(bearer)), deps)
        actor = await actorOf(bearer, deps)
      }
      const answer = await answerTo(route, params, actor, request, deps, metadataUrl)
      return { ...answer, ...at, headers: { ...answer.headers, ...spent } }
    } catch (error) {
      const problem = toProblem(error, deps.isUnavailable)
      if (problem.status >= 500 && problem.code !== 'busy')
        deps.log.error({ err: problem.cause ?? problem, problem: problem.code }, 'request of the API failed')
      // RFC 9110 15.5.2: 401 says how one proves oneself here, also where a password was the proof.
      const how = problem.status === 401 ? challenge(metadataUrl, {}) : {}
      return {
        ...at,
        status: problem.status,
        headers: { ...how, ...spent, ...problem.headers, 'Content-Type': 'application/problem+json' },
        body: problemDocument(problem, request.facts.id),
      }
    }
  }
}

async function authenticate(request: ApiRequest, deps: ApiDeps, metadataUrl: string): Promise<Bearer> {
  try {
    return await deps.readBearer({
      authorization: request.header('authorization'),
      proof: request.header('dpop'),
      method: request.method,
      url: deps.issuer + request.path,
    })
  } catch (error) {
    throw error instanceof TokenRefused ? refusedToken(error, metadataUrl) : error
  }
}

/** What they may is read for each request: what was taken from them counts with the next one, on every node. */
async function actorOf(bearer: Bearer, { services }: ApiDeps): Promise<Caller> {
  const { clientId, scopes, userId, sessionUid, expiresAt } = bearer
  const permissions = userId === undefined ? bearer.permissions : await services.permissionsOf(userId)
  return { userId: userId ?? '', clientId, scopes, permissions, sessionUid, expiresAt, by: nameOf(bearer) }
}

/** Of a person the id; nobody's id begins as a client's name does. */
function nameOf({ userId, clientId }: Bearer): string {
  return userId ?? `client:${clientId}`
}

/** draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it. */
async function spend(
  whose: 'person' | 'client' | 'network',
  bucket: Bucket,
  { throttle }: ApiDeps,
): Promise<Record<string, string>> {
  const policy = { 'RateLimit-Policy': `"${whose}";q=${bucket.limit};w=${bucket.windowSeconds}` }
  const { left, resetsInSeconds } = await throttle.spend(bucket)
  const headers = { ...policy, RateLimit: `"${whose}";r=${Math.max(0, left)};t=${resetsInSeconds}` }
  if (left < 0)
    throw new ApiProblem('throttled', { headers: { ...headers, 'Retry-After': String(resetsInSeconds) } })
  return headers
}

async function answerTo(
  route: Route,
  rawParams: Record<string, string>,
  actor: Caller,
  request: ApiRequest,
  deps: ApiDeps,
  metadataUrl: string,
): Promise<ApiResponse> {
  // Before anything is looked up: who may not ask learns nothing, not even whether it exists.
  allow(route, actor, undefined, metadataUrl)
  const { services } = deps
  const { input } = route
  const params = paramsOf(route, rawParams)
  const query = validated(input.query ?? NOTHING, queryOf(request.query), 'invalid_parameter')
  const body = await bodyOf(route, request)
  const target = route.target ? await route.target(params, services) : undefined
  if (route.target && !target) throw new ApiProblem('not_found')
  allow(route, actor, target, metadataUrl)
  const version = route.conditional ? versionOf(request.header('if-match')) : undefined
  const { facts } = request
  const by = { by: actor.by, request: facts, may: grantedTo(actor) }
  const handle = async () =>
    shown(
      route,
      await route.handle({ actor, by, facts, params, query, body, version }, services),
      deps.issuer,
    )
  if (!route.repeatable) return handle()
  const whose = actor === NOBODY ? networkOf(facts.ip) : actor.by
  const scope = `${whose} ${actor.clientId} ${route.operation}`
  const key = request.header('idempotency-key')
  const content = JSON.stringify([params, query, body])
  const makesPerson = route.repeatable === 'person'
  return once({ store: deps.idempotency, log: deps.log, scope, key, content, makesPerson }, handle)
}

function allow(route: Route, actor: Actor, target: Target | undefined, metadataUrl: string): void {
  const { permission } = route
  if (permission === 'anyone') return
  if (actor.userId === '' && OWN.includes(permission))
    throw new ApiProblem('forbidden', {
      detail:
        'This is about the person who asks, and an application on its own account is nobody: sign one in',
    })
  switch (denial(actor, permission, target)) {
    case 'scope':
      throw new ApiProblem('insufficient_scope', {
        detail: `The application needs the scope ${permission}`,
        headers: challenge(metadataUrl, { error: 'insufficient_scope', scope: permission }),
      })
    case 'role':
      throw new ApiProblem('forbidden')
    case 'target':
      throw new ApiProblem('forbidden', { detail: 'This person may do what you may not, or not by this app' })
  }
}

function paramsOf({ input }: Route, raw: Record<string, string>): unknown {
  const result = (input.params ?? NOTHING).safeParse(raw)
  // An id that cannot be one is the id of nothing.
  if (!result.success) throw new ApiProblem('not_found')
  return result.data
}

/** @throws ApiProblem when a parameter came twice: which of them counts would be a guess */
function queryOf(query: URLSearchParams): Record<string, string> {
  const names = [...query.keys()]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new ApiProblem('invalid_parameter', {
      errors: [{ pointer: `/${twice.slice(0, 100)}`, code: 'repeated', detail: 'was sent more than once' }],
    })
  return Object.fromEntries(query)
}

async function bodyOf({ input }: Route, request: ApiRequest): Promise<unknown> {
  if (input.lines) return linesOf(await request.body(input.lines.limitBytes), request.header('content-type'))
  const bytes = await request.body()
  if (input.body)
    return validated(input.body, parsedBody(bytes, request.header('content-type')), 'invalid_input')
  if (bytes.length > 0) throw new ApiProblem('malformed', { detail: 'No body is taken here' })
  return undefined
}

/** What leaves is what is documented: a service that says more than it should is a fault, not a leak. */
function shown(route: Route, { body, version, location }: Reply<unknown>, issuer: string): ApiResponse {
  return {
    status: successOf(route),
    headers: {
      ...(version === undefined ? {} : { ETag: etagOf(version) }),
      ...(location === undefined ? {} : { Location: issuer + location }),
    },
    ...(route.output ? { body: route.output.parse(body) } : {}),
    ...(route.streams ? { lines: body as AsyncIterable<string> } : {}),
  }
}
