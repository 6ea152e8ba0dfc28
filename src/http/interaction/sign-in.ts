/** Identifier and password. */
import type { Context } from 'koa'
import { proofTime } from '../../domain/access/proof-time.ts'
import { DomainError, type DomainErrorCode } from '../../domain/errors.ts'
import type { HttpDeps } from '../deps.ts'
import { stateOf } from '../state.ts'
import { paths } from '../urls.ts'
import type { FieldErrors, ViewModels } from '../view-models.ts'
import { advance } from './dispatch.ts'
import { type Current, type InteractionDeps, load, loadPost } from './load.ts'

type Model = ViewModels['interaction/sign-in']

export async function showSignIn(ctx: Context, deps: InteractionDeps, current: Current): Promise<void> {
  const { interaction, progress } = current
  const reauthenticate = interaction.session?.accountId !== undefined && interaction.prompt.name === 'login'
  const session = reauthenticate
    ? await deps.database.users.find(String(interaction.session?.accountId))
    : undefined
  const hint = interaction.params.login_hint
  render(ctx, deps, current, {
    identifier: progress.identifier ?? session?.email ?? (typeof hint === 'string' ? hint.slice(0, 254) : ''),
    reauthenticate,
  })
}

/** GET /interaction/:uid/sign-in: the form, whatever was begun before ("I already have an account") */
export async function signInPage(ctx: Context, deps: InteractionDeps): Promise<void> {
  await showSignIn(ctx, deps, await load(ctx, deps))
}

/** POST /interaction/:uid/sign-in */
export async function signIn(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  const identifier = form.get('identifier').trim()
  const password = form.get('password')
  const remember = form.get('remember') === 'yes'
  const errors: FieldErrors = {}
  if (identifier === '') errors.identifier = { code: 'required' }
  if (password === '') errors.password = { code: 'required' }
  if (Object.keys(errors).length > 0) return render(ctx, deps, current, { identifier, remember, errors }, 422)
  const known = deps.browser.knownAccounts(ctx)
  try {
    const { user, credential, registration } = await deps.services.signIn.authenticate({
      identifier,
      password,
      deviceFor: (userId) => known.find((entry) => entry.userId === userId)?.deviceId,
      facts: stateOf(ctx).facts,
      clientId: current.client.clientId,
    })
    if (registration) {
      const { id, email, createdAt } = registration
      const sentAt = Math.floor(createdAt.getTime() / 1000)
      current.progress = { proof: { id, email, sentAt }, identifier, remember }
    } else {
      const authTime = proofTime(user, deps.clock.now())
      current.progress = { userId: user.id, amr: ['pwd'], authTime, credential, remember, identifier }
    }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return refuse(ctx, deps, current, error, { identifier, remember })
  }
  return advance(ctx, deps, current)
}

/** Shows the form again with the reason. Throws what is no reason a person can do something about. */
function refuse(
  ctx: Context,
  deps: HttpDeps,
  current: Current,
  error: DomainError,
  typed: { identifier: string; remember: boolean },
): void {
  const status = REFUSALS[error.code]
  if (status === undefined) throw error
  const { code, retryAfterSeconds } = error
  if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds))
  const errors: FieldErrors = { form: { code, params: wait(retryAfterSeconds) } }
  render(
    ctx,
    deps,
    current,
    { ...typed, errors, retryAfterSeconds: code === 'throttled' ? retryAfterSeconds : undefined },
    status,
  )
}

const REFUSALS: Partial<Record<DomainErrorCode, number>> = {
  invalid_credentials: 401,
  throttled: 429,
  busy: 503,
}

export function wait(seconds: number | undefined): { minutes: number } {
  return { minutes: Math.max(1, Math.ceil((seconds ?? 60) / 60)) }
}

function render(ctx: Context, deps: HttpDeps, current: Current, some: Partial<Model>, status = 200): void {
  const { uid, app } = current
  deps.pages.show(
    ctx,
    'interaction/sign-in',
    {
      action: paths.step(uid, 'sign-in'),
      csrf: deps.browser.formToken(ctx, uid),
      errors: {},
      app,
      identifier: '',
      remember: false,
      retryAfterSeconds: undefined,
      reauthenticate: false,
      registerUrl: paths.register(uid),
      forgotUrl: paths.forgot(uid),
      abortAction: paths.step(uid, 'abort'),
      notice: undefined,
      ...some,
    },
    status,
  )
}
