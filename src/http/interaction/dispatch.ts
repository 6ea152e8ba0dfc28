/**
 * The dispatcher: every step comes back here, and what comes next is decided by `nextStep` alone from what the server
 * knows. A login result is made in this file only, and only when nothing is left to prove.
 */
import type { Context } from 'koa'
import type { InteractionResults } from 'oidc-provider'
import { nextStep, type SignInPolicy, type Step } from '../../domain/sign-in/next-step.ts'
import { standingOf } from '../../domain/sign-in/standing.ts'
import type { User } from '../../domain/users/user.ts'
import { stateOf } from '../state.ts'
import { paths } from '../urls.ts'
import { showConsent } from './consent.ts'
import { type Current, type InteractionDeps, load } from './load.ts'
import { showRegister } from './register.ts'
import { showSelectAccount } from './select-account.ts'
import { showSignIn } from './sign-in.ts'
import { showVerifyEmail } from './verify-email.ts'

/** How sure we are of a person who gave a password; more levels come with more factors. */
export const ACR_PASSWORD = 'urn:ostiary:acr:password'

/** GET /interaction/:uid */
export async function dispatch(ctx: Context, deps: InteractionDeps): Promise<void> {
  const current = await load(ctx, deps)
  if (current.interaction.prompt.name === 'consent') return showConsent(ctx, deps, current)
  const { step, user } = await whatNext(ctx, deps, current)
  switch (step) {
    case 'done':
      return finish(ctx, deps, current, user as User)
    case 'verify-email':
      return showVerifyEmail(ctx, deps, current, user)
    case 'register':
      return showRegister(ctx, deps, current)
    case 'select-account':
      return showSelectAccount(ctx, deps, current)
    case 'identify':
      return showSignIn(ctx, deps, current)
  }
}

/** After a step proved something: straight on when that was all, else back to the dispatcher's page. */
export async function advance(ctx: Context, deps: InteractionDeps, current: Current): Promise<void> {
  await deps.services.progress.save(current.uid, current.progress)
  const { step, user } = await whatNext(ctx, deps, current)
  if (step === 'done' && user) return finish(ctx, deps, current, user)
  ctx.status = 303
  ctx.redirect(paths.interaction(current.uid))
}

async function whatNext(
  ctx: Context,
  deps: InteractionDeps,
  current: Current,
): Promise<{ step: Step; user: User | undefined }> {
  const { database, clock, services } = deps
  const { progress, user } = await standingOf(current.progress, { database, clock, signIn: services.signIn })
  if (progress !== current.progress) {
    current.progress = progress
    await services.progress.save(current.uid, progress)
  }
  return { step: nextStep(progress, user, policyOf(ctx, deps, current)), user }
}

function policyOf(ctx: Context, deps: InteractionDeps, current: Current): SignInPolicy {
  const { prompt, session } = current.interaction
  const hasAccounts = session?.accountId !== undefined || deps.browser.knownAccounts(ctx).length > 0
  return {
    verifiedEmail: true,
    chooseAccount: prompt.name === 'select_account' && hasAccounts,
    createAccount: prompt.name === 'create',
  }
}

async function finish(ctx: Context, deps: InteractionDeps, current: Current, user: User): Promise<void> {
  const { progress, interaction, client } = current
  const { amr, authTime, credential } = progress
  if (progress.userId !== user.id || !amr || authTime === undefined || credential === undefined)
    throw new Error('a sign-in was about to end without proof')
  const result: InteractionResults = {
    login: {
      accountId: user.id,
      amr,
      acr: ACR_PASSWORD,
      ts: authTime,
      remember: progress.remember === true,
    },
    // What else was asked for is answered by it, too.
    ...(['select_account', 'create'].includes(interaction.prompt.name)
      ? { [interaction.prompt.name]: {} }
      : {}),
  }
  const returnTo = await deps.engine.finish(ctx.req, ctx.res, result)
  await deps.services.progress.clear(current.uid)
  deps.browser.rememberAccount(ctx, user.id, credential)
  await deps.database.audit.append({
    name: 'user.signed_in',
    outcome: 'success',
    userId: user.id,
    clientId: client.clientId,
    request: stateOf(ctx).facts,
    detail: { amr: amr.join(' ') },
  })
  ctx.status = 303
  ctx.redirect(returnTo)
}
