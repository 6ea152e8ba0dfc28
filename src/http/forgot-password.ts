/** Asks for a reset mail; the answer never tells whether the address has an account. */
import Router from '@koa/router'
import type { Context } from 'koa'
import { DomainError, InvalidInput } from '../domain/errors.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './form.ts'
import { wait } from './interaction/sign-in.ts'
import { stateOf } from './state.ts'
import { paths } from './urls.ts'
import type { ViewModels } from './view-models.ts'

type Model = ViewModels['forgot-password']
const FORM = 'forgot-password'

export function forgotPassword(deps: HttpDeps): Router {
  const router = new Router()
  router.get('/forgot-password', (ctx) => render(ctx, deps, {}))
  router.post('/forgot-password', (ctx) => request(ctx, deps))
  return router
}

async function request(ctx: Context, deps: HttpDeps): Promise<void> {
  const form = await readForm(ctx)
  deps.browser.checkForm(ctx, form, FORM)
  const values = { email: form.get('email').trim() }
  try {
    await deps.services.reset.request(values.email, {
      interactionUid: flowOf(ctx, deps),
      facts: stateOf(ctx).facts,
    })
  } catch (error) {
    if (error instanceof InvalidInput) return render(ctx, deps, { values, errors: error.fields }, 422)
    if (!(error instanceof DomainError) || error.code !== 'throttled') throw error
    const { retryAfterSeconds } = error
    ctx.set('Retry-After', String(retryAfterSeconds))
    return render(
      ctx,
      deps,
      { values, retryAfterSeconds, errors: { form: { code: 'throttled', params: wait(retryAfterSeconds) } } },
      429,
    )
  }
  deps.mailSoon()
  render(ctx, deps, { values, sent: true })
}

/** The sign-in the person came from: taken from the address only if this browser is in it. */
function flowOf(ctx: Context, deps: HttpDeps): string | undefined {
  const { flow } = ctx.query
  return typeof flow === 'string' && flow === deps.browser.currentFlow(ctx) ? flow : undefined
}

function render(ctx: Context, deps: HttpDeps, some: Partial<Model>, status = 200): void {
  const flow = flowOf(ctx, deps)
  deps.pages.show(
    ctx,
    'forgot-password',
    {
      action: paths.forgot(flow),
      csrf: deps.browser.formToken(ctx, FORM),
      errors: {},
      values: { email: '' },
      sent: false,
      retryAfterSeconds: undefined,
      backUrl: flow === undefined ? undefined : paths.interaction(flow),
      mailboxUrl: deps.mailboxUrl,
      ...some,
    },
    status,
  )
}
