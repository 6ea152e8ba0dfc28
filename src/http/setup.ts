/** The first administrator, by the one-time link that the operator was shown at start. */
import Router from '@koa/router'
import type { Context } from 'koa'
import { DomainError, InvalidInput } from '../domain/errors.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './form.ts'
import { passwordRules } from './interaction/register.ts'
import { Problem } from './problem.ts'
import { stateOf } from './state.ts'
import { paths } from './urls.ts'
import type { ViewModels } from './view-models.ts'

type Model = ViewModels['setup']

export function setup(deps: HttpDeps): Router {
  const router = new Router()
  router.get('/setup/:token', async (ctx) => {
    await deps.services.throttle.take(deps.services.throttle.form(stateOf(ctx).facts.ip))
    if (!(await deps.services.setup.isValid(String(ctx.params.token)))) throw new Problem('setup-closed')
    render(ctx, deps, {})
  })
  router.post('/setup/:token', (ctx) => complete(ctx, deps, String(ctx.params.token)))
  return router
}

async function complete(ctx: Context, deps: HttpDeps, token: string): Promise<void> {
  const form = await readForm(ctx)
  deps.browser.checkForm(ctx, form, 'setup')
  const values = { email: form.get('email').trim(), name: form.get('name').trim() }
  try {
    await deps.services.setup.complete(
      token,
      { ...values, password: form.get('password') },
      stateOf(ctx).facts,
    )
  } catch (error) {
    if (error instanceof InvalidInput) return render(ctx, deps, { values, errors: error.fields }, 422)
    if (error instanceof DomainError && error.code === 'proof_used') throw new Problem('setup-closed')
    throw error
  }
  deps.pages.show(ctx, 'setup-done', { email: values.email, homeUrl: paths.home })
}

function render(ctx: Context, deps: HttpDeps, some: Partial<Model>, status = 200): void {
  deps.pages.show(
    ctx,
    'setup',
    {
      action: ctx.path,
      csrf: deps.browser.formToken(ctx, 'setup'),
      errors: {},
      state: 'form',
      values: { email: '', name: '' },
      rules: passwordRules(deps),
      ...some,
    },
    status,
  )
}
