/** Where the API meets Koa, and nowhere else: requests in, answers out, headers as they are. */
import { Readable } from 'node:stream'
import type { Context, Middleware } from 'koa'
import getRawBody from 'raw-body'
import { stateOf } from '../../http/state.ts'
import { corsHeaders, preflightHeaders } from '../cors.ts'
import type { ApiDeps } from '../deps.ts'
import { type ApiRequest, type ApiResponse, createDispatch } from '../dispatch.ts'
import { openApi } from '../openapi.ts'
import { ApiProblem } from '../problem.ts'
import { routesWith } from '../routes.ts'
import { docs } from './docs.ts'

const BODY_LIMIT = 32 * 1024

export interface ApiAppDeps extends ApiDeps {
  /** of Ostiary */
  version: string
  /** whether people sign in by the API itself */
  auth: boolean
}

/** Everything below `/api`, its description and its documentation. */
export function api(deps: ApiAppDeps): Middleware {
  const routes = routesWith(deps)
  const dispatch = createDispatch(deps, routes)
  const description = JSON.stringify(openApi(routes, deps.issuer, deps.version))
  const pages = docs()
  return async (ctx, next) => {
    if (ctx.path === '/openapi.json') return publicJson(ctx, description, deps)
    if (ctx.path !== '/api' && !ctx.path.startsWith('/api/')) return pages(ctx, next)
    const origin = ctx.get('Origin')
    if (ctx.method === 'OPTIONS') {
      ctx.set(preflightHeaders(origin, deps.corsOrigins))
      ctx.status = 204
      return
    }
    const answer = await dispatch(requestOf(ctx))
    ctx.set({ 'Cache-Control': 'no-store', ...corsHeaders(origin, deps.corsOrigins) })
    send(ctx, answer)
  }
}

function requestOf(ctx: Context): ApiRequest {
  return {
    method: ctx.method,
    path: ctx.path,
    query: new URLSearchParams(ctx.querystring),
    header: (name) => ctx.get(name),
    async body(limit = BODY_LIMIT) {
      try {
        return await getRawBody(ctx.req, { length: ctx.get('Content-Length') || null, limit })
      } catch (cause) {
        const tooLarge = (cause as { type?: unknown }).type === 'entity.too.large'
        throw new ApiProblem(tooLarge ? 'too_large' : 'malformed', { cause })
      }
    },
    facts: stateOf(ctx).facts,
  }
}

function send(ctx: Context, { status, headers, body, lines, route }: ApiResponse): void {
  if (route !== undefined) stateOf(ctx).route = route
  // Koa would write the status in words where there is no body.
  if (body === undefined) ctx.body = null
  ctx.status = status
  if (body !== undefined) {
    ctx.type = headers['Content-Type'] ?? 'application/json'
    ctx.body = JSON.stringify(body)
  }
  if (lines) {
    ctx.type = 'application/x-ndjson'
    ctx.body = Readable.from(lines)
  }
  const { 'Content-Type': _, ...others } = headers
  ctx.set(others)
}

/** For programs anywhere: no token, and nothing of anybody in it. */
function publicJson(ctx: Context, body: string, { corsOrigins }: ApiDeps): void {
  ctx.set(corsHeaders(ctx.get('Origin'), corsOrigins))
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    ctx.set('Allow', 'GET, HEAD')
    ctx.status = 405
    return
  }
  ctx.type = 'application/json'
  ctx.body = body
}
