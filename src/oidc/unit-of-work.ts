/**
 * One request of the engine, one unit of work: committed after the engine has prepared its answer and before that
 * answer leaves. If the commit fails, the answer is replaced by the error that is true.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { UnitLost, type UnitOfWork } from '../storage/unit-of-work.ts'
import type { Failures } from './failures.ts'
import type { EnginePages } from './pages.ts'
import type { RefreshWindow } from './refresh-window.ts'
import { type Refusal, type RefusalDeps, refusalOf } from './refusals.ts'
import { renderError } from './render-error.ts'

export interface UnitDeps extends RefusalDeps {
  units: UnitOfWork
  pages: EnginePages
  failures: Failures
  refreshWindow: RefreshWindow
}

/** Routes that people see in a browser; all others answer programs. */
const SEEN = /^(authorization|resume|end_session|code_verification|device_resume)/

export function unitOfWork(deps: UnitDeps) {
  const showError = renderError(deps.pages, deps.failures)
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const work = async () => {
      await next()
      deps.refreshWindow.answered(ctx)
    }
    try {
      await deps.units.run(work, {
        // An answer of 5xx says that nothing happened.
        keep: () => ctx.status < 500,
        onLost: (lost) => deps.refreshWindow.lost(ctx, lost),
      })
    } catch (error) {
      if (error instanceof UnitLost && error.model === 'Grant') return repeat(ctx)
      const refusal = ctx.oidc?.route ? refusalOf(error, ctx, deps) : undefined
      if (!refusal) throw error
      deps.failures.note(ctx, refusal)
      replace(ctx, refusal)
      if (ctx.body === undefined && !ctx.response.get('Location'))
        await showError(
          ctx,
          { error: refusal.error, error_description: refusal.error_description } as never,
          refusal,
        )
    }
  }
}

/** In another tab the app got its grant of this session a moment sooner: asked once more, this request finds that one. */
function repeat(ctx: KoaContextWithOIDC): void {
  takeBack(ctx)
  ctx.status = 303
  ctx.set('Location', ctx.originalUrl)
}

function takeBack(ctx: KoaContextWithOIDC): void {
  for (const header of ['Set-Cookie', 'Location', 'Content-Type', 'Content-Length']) ctx.remove(header)
  ctx.body = undefined
}

/** What was prepared for a success goes; what was going back to the app goes back as an error (RFC 6749 4.1.2.1). */
function replace(ctx: KoaContextWithOIDC, refusal: Refusal): void {
  const target = URL.parse(String(ctx.response.get('Location')))
  takeBack(ctx)
  const body = { error: refusal.error, error_description: refusal.error_description }
  if (target?.searchParams.has('code') && refusal.status < 500) {
    target.searchParams.delete('code')
    for (const [name, value] of Object.entries(body)) if (value) target.searchParams.set(name, value)
    ctx.status = 303
    ctx.set('Location', target.href)
    return
  }
  ctx.status = refusal.status
  if (!SEEN.test(String(ctx.oidc.route))) ctx.body = body
}
