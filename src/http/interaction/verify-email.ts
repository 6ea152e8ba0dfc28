/** The code from the mail. The link in the same mail is handled in `http/mail-links.ts` and leads back here. */
import type { Context } from 'koa'
import { tidyCode } from '../../domain/email/secrets.ts'
import { MAX_CODE_ATTEMPTS, RESEND_AFTER_SECONDS } from '../../domain/email/verification.ts'
import { DomainError } from '../../domain/errors.ts'
import type { User } from '../../domain/users/user.ts'
import type { HttpDeps } from '../deps.ts'
import { stateOf } from '../state.ts'
import { paths } from '../urls.ts'
import type { FieldErrors, ViewModels } from '../view-models.ts'
import { advance } from './dispatch.ts'
import { type Current, type InteractionDeps, loadPost } from './load.ts'
import { wait } from './sign-in.ts'

type Model = ViewModels['interaction/verify-email']

/** @param user set when the password was right and only the address is unproven */
export async function showVerifyEmail(
  ctx: Context,
  deps: InteractionDeps,
  current: Current,
  user: User | undefined,
): Promise<void> {
  if (!current.progress.proof && user) {
    try {
      await send(ctx, deps, current, user)
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'throttled') throw error
      return render(
        ctx,
        deps,
        current,
        { email: user.email, resendInSeconds: error.retryAfterSeconds ?? 0, errors: throttled(error) },
        429,
      )
    }
  }
  const { proof } = current.progress
  const stored = proof && (await deps.database.emailProofs.find(proof.id))
  render(ctx, deps, current, { locked: (stored?.attempts ?? 0) >= MAX_CODE_ATTEMPTS })
}

/** POST /interaction/:uid/verify-email */
export async function verifyEmail(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  const { proof } = current.progress
  // Proven meanwhile by the link, or nothing to prove: the dispatcher knows.
  if (!proof) return advance(ctx, deps, current)
  const code = tidyCode(form.get('code'))
  if (code === undefined)
    return render(ctx, deps, current, { errors: { code: { code: 'code_format' } } }, 422)
  try {
    await deps.services.verification.redeemCode(proof.id, code, stateOf(ctx).facts)
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const stored = await deps.database.emailProofs.find(proof.id)
    if (stored?.consumedAt && stored.purpose === 'verify-email') return advance(ctx, deps, current)
    // Said with the last wrong code, and not only when the right one comes after it.
    const locked = error.code !== 'proof_invalid' || (stored?.attempts ?? 0) >= MAX_CODE_ATTEMPTS
    const errors: FieldErrors = locked ? { form: { code: 'code_locked' } } : { code: { code: 'code_wrong' } }
    return render(ctx, deps, current, { locked, errors }, 422)
  }
  return advance(ctx, deps, current)
}

/** POST /interaction/:uid/resend */
export async function resendMail(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current } = await loadPost(ctx, deps)
  const { proof } = current.progress
  if (!proof) return advance(ctx, deps, current)
  const waiting = secondsToWait(deps, proof.sentAt)
  if (waiting > 0) return render(ctx, deps, current, {}, 429)
  try {
    const { proofId } = await deps.services.verification.resend(proof.id, stateOf(ctx).facts)
    current.progress = { ...current.progress, proof: { ...proof, id: proofId, sentAt: now(deps) } }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    if (error.code === 'proof_invalid') {
      // A newer mail of this registration went out from elsewhere; what is left is to sign in.
      current.progress = { identifier: proof.email }
      return advance(ctx, deps, current)
    }
    if (error.code !== 'throttled') throw error
    return render(
      ctx,
      deps,
      current,
      { resendInSeconds: error.retryAfterSeconds ?? 0, errors: throttled(error) },
      429,
    )
  }
  await deps.services.progress.save(current.uid, current.progress)
  deps.mailSoon()
  render(ctx, deps, current, { notice: 'resent' })
}

/** POST /interaction/:uid/restart: "that is not my address" */
export async function restart(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current } = await loadPost(ctx, deps)
  current.progress = current.progress.userId === undefined ? { wish: 'register' } : {}
  return advance(ctx, deps, current)
}

async function send(ctx: Context, deps: InteractionDeps, current: Current, user: User): Promise<void> {
  const { proofId } = await deps.services.verification.send(user, {
    flow: current.uid,
    interactionUid: current.uid,
    facts: stateOf(ctx).facts,
  })
  current.progress = { ...current.progress, proof: { id: proofId, email: user.email, sentAt: now(deps) } }
  await deps.services.progress.save(current.uid, current.progress)
  deps.mailSoon()
}

const now = (deps: HttpDeps) => Math.floor(deps.clock.now().getTime() / 1000)

function secondsToWait(deps: HttpDeps, sentAt: number): number {
  return Math.max(0, sentAt + RESEND_AFTER_SECONDS - now(deps))
}

function throttled(error: DomainError): FieldErrors {
  return { form: { code: 'throttled', params: wait(error.retryAfterSeconds) } }
}

function render(ctx: Context, deps: HttpDeps, current: Current, some: Partial<Model>, status = 200): void {
  const { uid, app, progress } = current
  deps.pages.show(
    ctx,
    'interaction/verify-email',
    {
      action: paths.step(uid, 'verify-email'),
      csrf: deps.browser.formToken(ctx, uid),
      errors: {},
      app,
      email: progress.proof?.email ?? '',
      resendInSeconds: progress.proof ? secondsToWait(deps, progress.proof.sentAt) : 0,
      resendAction: paths.step(uid, 'resend'),
      restartAction: paths.step(uid, 'restart'),
      notice: undefined,
      locked: false,
      mailboxUrl: deps.mailboxUrl,
      abortAction: paths.step(uid, 'abort'),
      ...some,
    },
    status,
  )
}
