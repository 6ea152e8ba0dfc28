/** Turns whatever was thrown into a page or a JSON answer: a code, a status, a way on; never an internal. */
import type { Context, Middleware, Next } from 'koa'
import { DomainError } from '../../domain/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { Pages } from '../pages.ts'
import { Problem } from '../problem.ts'
import { isForPrograms } from './methods.ts'

export interface ErrorDeps {
  pages: Pages
  log: Logger
  isUnavailable: (error: unknown) => boolean
}

const RETRY_AFTER_SECONDS = 5

export function errors(deps: ErrorDeps): Middleware {
  return async (ctx: Context, next: Next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body == null) throw new Problem('not-found')
      if (ctx.status === 405 && ctx.body == null) throw new Problem('method-not-allowed')
      if (ctx.status === 503 && !ctx.response.get('Retry-After'))
        ctx.set('Retry-After', String(RETRY_AFTER_SECONDS))
    } catch (error) {
      const problem = toProblem(error, deps)
      if (problem.status >= 500 && problem.code !== 'busy')
        deps.log.error({ err: error, problem: problem.code }, 'request failed')
      answer(ctx, problem, deps.pages)
    }
  }
}

export function answer(ctx: Context, problem: Problem, pages: Pages): void {
  // What a handler already prepared does not belong to this answer.
  ctx.remove('Set-Cookie')
  ctx.remove('Location')
  ctx.status = problem.status
  const wait = problem.retryAfterSeconds ?? (problem.status === 503 ? RETRY_AFTER_SECONDS : undefined)
  if (wait !== undefined) ctx.set('Retry-After', String(wait))
  const forPrograms = isForPrograms(ctx.path)
  // The first is what "*/*" gets.
  if (ctx.accepts(...(forPrograms ? ['json', 'html'] : ['html', 'json'])) === 'json') {
    const error = forPrograms ? protocolError(problem) : { error: problem.code }
    ctx.body = { ...error, request_id: ctx.response.get('X-Request-Id') }
    return
  }
  pages.show(
    ctx,
    'error',
    {
      status: problem.status,
      code: problem.code,
      ...(problem.params ? { params: problem.params } : {}),
      failureCode: problem.failureCode,
      explanation: problem.explanation,
      action: problem.action ?? { kind: 'home', url: '/' },
      retryAfterSeconds: wait,
    },
    problem.status,
  )
}

/** In the words that programs know (RFC 6749 5.2, 4.1.2.1). */
function protocolError({ status, code }: Problem): { error: string; error_description: string } {
  const error =
    status === 503 ? 'temporarily_unavailable' : status >= 500 ? 'server_error' : 'invalid_request'
  return { error, error_description: code.replaceAll('-', ' ') }
}

function toProblem(error: unknown, deps: ErrorDeps): Problem {
  if (error instanceof Problem) return error
  if (deps.isUnavailable(error)) return new Problem('unavailable', { cause: error })
  if (error instanceof DomainError) {
    const { retryAfterSeconds } = error
    switch (error.code) {
      case 'throttled':
        return new Problem('throttled', { retryAfterSeconds, params: waitParams(retryAfterSeconds) })
      case 'busy':
        return new Problem('busy', { retryAfterSeconds: retryAfterSeconds ?? RETRY_AFTER_SECONDS })
      case 'unavailable':
        return new Problem('unavailable', { cause: error })
      case 'proof_invalid':
      case 'proof_expired':
      case 'proof_used':
      case 'not_found':
        return new Problem('link-invalid')
      default:
        return new Problem('invalid-request', { cause: error })
    }
  }
  const status = (error as { status?: unknown }).status
  const { name } = error as Error
  if (name === 'SessionNotFound' || name === 'UnitLost' || name === 'ParentGoneError')
    return new Problem('request-expired')
  if (name === 'Unavailable') return new Problem('unavailable', { cause: error })
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new Problem(status === 413 ? 'too-large' : 'invalid-request', { status, cause: error })
  return new Problem('server-error', { cause: error })
}

function waitParams(seconds: number | undefined): { minutes: number } {
  return { minutes: Math.max(1, Math.ceil((seconds ?? 60) / 60)) }
}
