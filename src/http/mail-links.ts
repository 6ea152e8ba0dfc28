/** The pages behind links in mails. GET shows a button and changes nothing, because scanners follow links; POST acts. */
import Router from '@koa/router'
import type { Context } from 'koa'
import type { EmailProof } from '../domain/email/proof.ts'
import { DomainError, InvalidInput } from '../domain/errors.ts'
import type { HttpDeps } from './deps.ts'
import { readForm } from './form.ts'
import { passwordRules } from './interaction/register.ts'
import { stateOf } from './state.ts'
import { paths } from './urls.ts'
import type { FieldErrors } from './view-models.ts'

export function mailLinks(deps: HttpDeps): Router {
  const router = new Router()
  router.get('/verify-email/:token', (ctx) => verifyPage(ctx, deps))
  router.post('/verify-email/:token', (ctx) => verify(ctx, deps))
  router.get('/reset-password/:token', (ctx) => resetPage(ctx, deps))
  router.post('/reset-password/:token', (ctx) => reset(ctx, deps))
  return router
}

const tokenOf = (ctx: Context) =>
  String((ctx as unknown as { params: { token?: string } }).params.token ?? '')

async function verifyPage(ctx: Context, deps: HttpDeps): Promise<void> {
  const proof = await deps.services.verification.inspectLink(tokenOf(ctx))
  if (proof.consumedAt) return verified(ctx, deps, proof)
  showVerify(ctx, deps, proof, await stateNow(deps, proof))
}

async function verify(ctx: Context, deps: HttpDeps): Promise<void> {
  const form = await readForm(ctx)
  const token = tokenOf(ctx)
  const proof = await deps.services.verification.inspectLink(token)
  deps.browser.checkForm(ctx, form, 'verify-email')
  const asked = asksPassword(ctx, deps, proof)
  try {
    await deps.services.verification.redeemLink(
      token,
      stateOf(ctx).facts,
      asked ? form.get('password') : undefined,
    )
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    if (error.code === 'invalid_credentials')
      return showVerify(ctx, deps, proof, 'confirm', 422, { password: { code: 'registration_password' } })
    if (error.code === 'throttled' || error.code === 'busy') throw error
    const state = await stateNow(deps, proof)
    return showVerify(ctx, deps, proof, state === 'confirm' ? 'used' : state, 410)
  }
  return verified(ctx, deps, proof)
}

/** Whoever opens the link of a registration elsewhere shows that it is theirs. */
function asksPassword(ctx: Context, deps: HttpDeps, proof: EmailProof): boolean {
  return proof.registration !== undefined && deps.browser.currentFlow(ctx) !== proof.interactionUid
}

/** In the browser that began it, on to the sign-in; anywhere else nobody is signed in. */
function verified(ctx: Context, deps: HttpDeps, proof: EmailProof): void {
  deps.pages.show(ctx, 'verify-email-done', { email: proof.email, continueUrl: homeOf(ctx, deps, proof) })
}

async function stateNow(deps: HttpDeps, proof: EmailProof): Promise<'confirm' | 'expired' | 'used'> {
  const now = await deps.database.emailProofs.find(proof.id)
  if (!now || now.expiresAt <= deps.clock.now()) return 'expired'
  return now.consumedAt ? 'used' : 'confirm'
}

function showVerify(
  ctx: Context,
  deps: HttpDeps,
  proof: EmailProof,
  state: 'confirm' | 'expired' | 'used',
  status = 200,
  errors: FieldErrors = {},
): void {
  deps.pages.show(
    ctx,
    'verify-email-link',
    {
      action: ctx.path,
      csrf: deps.browser.formToken(ctx, 'verify-email'),
      errors,
      state,
      email: proof.email,
      askPassword: asksPassword(ctx, deps, proof),
    },
    status,
  )
}

async function resetPage(ctx: Context, deps: HttpDeps): Promise<void> {
  const proof = await deps.services.reset.inspect(tokenOf(ctx))
  const state = await stateNow(deps, proof)
  showReset(ctx, deps, proof, state === 'confirm' ? 'form' : state)
}

async function reset(ctx: Context, deps: HttpDeps): Promise<void> {
  const form = await readForm(ctx)
  const token = tokenOf(ctx)
  const proof = await deps.services.reset.inspect(token)
  deps.browser.checkForm(ctx, form, 'reset-password')
  try {
    await deps.services.reset.reset(token, form.get('password'), stateOf(ctx).facts)
  } catch (error) {
    if (error instanceof InvalidInput) return showReset(ctx, deps, proof, 'form', error.fields, 422)
    if (error instanceof DomainError && ['proof_used', 'proof_expired'].includes(error.code))
      return showReset(ctx, deps, proof, error.code === 'proof_used' ? 'used' : 'expired', {}, 410)
    throw error
  }
  // Who read the mail and chose the password is no stranger to the account: failures of others do not stop it.
  const credential = await deps.services.signIn.currentCredential(String(proof.userId))
  if (credential !== undefined) deps.browser.rememberAccount(ctx, String(proof.userId), credential)
  deps.mailSoon()
  deps.pages.show(ctx, 'reset-password-done', { continueUrl: homeOf(ctx, deps, proof) })
}

function showReset(
  ctx: Context,
  deps: HttpDeps,
  proof: EmailProof,
  state: 'form' | 'expired' | 'used',
  errors: FieldErrors = {},
  status = 200,
): void {
  deps.pages.show(
    ctx,
    'reset-password',
    {
      action: ctx.path,
      csrf: deps.browser.formToken(ctx, 'reset-password'),
      errors,
      state,
      email: proof.email,
      rules: passwordRules(deps),
      forgotUrl: paths.forgot(),
    },
    status,
  )
}

function homeOf(ctx: Context, deps: HttpDeps, proof: EmailProof): string | undefined {
  const { interactionUid } = proof
  return interactionUid !== undefined && deps.browser.currentFlow(ctx) === interactionUid
    ? paths.interaction(interactionUid)
    : undefined
}
