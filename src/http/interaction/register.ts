/** A new account. The page after it is the same whether the address was free or not. */
import type { Context } from 'koa'
import { DomainError, InvalidInput } from '../../domain/errors.ts'
import { PASSWORD_MAX_LENGTH } from '../../domain/passwords/policy.ts'
import type { HttpDeps } from '../deps.ts'
import { stateOf } from '../state.ts'
import { paths } from '../urls.ts'
import type { PasswordRules, ViewModels } from '../view-models.ts'
import { advance } from './dispatch.ts'
import { type Current, type InteractionDeps, load, loadPost } from './load.ts'
import { wait } from './sign-in.ts'

type Model = ViewModels['interaction/register']

/** GET /interaction/:uid/register: shows the form whatever was begun before, so that "back" works. */
export async function registerPage(ctx: Context, deps: InteractionDeps): Promise<void> {
  showRegister(ctx, deps, await load(ctx, deps))
}

export function showRegister(ctx: Context, deps: HttpDeps, current: Current): void {
  const hint = current.interaction.params.login_hint
  render(ctx, deps, current, {
    values: {
      email: typeof hint === 'string' && hint.includes('@') ? hint.slice(0, 254) : '',
      username: '',
      name: '',
    },
  })
}

/** POST /interaction/:uid/register */
export async function register(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  const values = {
    email: form.get('email').trim(),
    username: form.get('username').trim(),
    name: form.get('name').trim(),
  }
  try {
    const { proofId } = await deps.services.registration.register(
      { ...values, password: form.get('password') },
      { flow: current.uid, interactionUid: current.uid, facts: stateOf(ctx).facts },
    )
    const sentAt = Math.floor(deps.clock.now().getTime() / 1000)
    current.progress = { proof: { id: proofId, email: values.email, sentAt }, identifier: values.email }
  } catch (error) {
    if (error instanceof InvalidInput)
      return render(ctx, deps, current, { values, errors: error.fields }, 422)
    if (!(error instanceof DomainError) || !['throttled', 'busy'].includes(error.code)) throw error
    const { code, retryAfterSeconds } = error
    if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds))
    return render(
      ctx,
      deps,
      current,
      { values, retryAfterSeconds, errors: { form: { code, params: wait(retryAfterSeconds) } } },
      code === 'throttled' ? 429 : 503,
    )
  }
  deps.mailSoon()
  return advance(ctx, deps, current)
}

export function passwordRules(deps: Pick<HttpDeps, 'passwordPolicy'>): PasswordRules {
  return {
    minLength: deps.passwordPolicy.minLength,
    maxLength: PASSWORD_MAX_LENGTH,
    hintUrl: paths.passwordHint,
  }
}

function render(ctx: Context, deps: HttpDeps, current: Current, some: Partial<Model>, status = 200): void {
  const { uid, app } = current
  deps.pages.show(
    ctx,
    'interaction/register',
    {
      action: paths.step(uid, 'register'),
      csrf: deps.browser.formToken(ctx, uid),
      errors: {},
      app,
      values: { email: '', username: '', name: '' },
      rules: passwordRules(deps),
      retryAfterSeconds: undefined,
      signInUrl: paths.step(uid, 'sign-in'),
      abortAction: paths.step(uid, 'abort'),
      ...some,
    },
    status,
  )
}
