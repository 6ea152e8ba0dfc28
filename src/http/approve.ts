/**
 * Where a person answers what an app asked elsewhere (CIBA). The link of the mail shows the question and opens nothing:
 * to say yes takes the password, each time, under the throttles of the sign-in. To say no takes the link alone.
 */
import Router from '@koa/router'
import type { Context } from 'koa'
import { proofTime } from '../domain/access/proof-time.ts'
import type { Approval } from '../domain/approvals/approvals.ts'
import { DomainError } from '../domain/errors.ts'
import type { User } from '../domain/users/user.ts'
import { isKnownScope } from '../oidc/claims.ts'
import { apiWords } from './api-words.ts'
import { appCard } from './app-card.ts'
import type { HttpDeps } from './deps.ts'
import { type Form, readForm } from './form.ts'
import { ACR_PASSWORD } from './interaction/dispatch.ts'
import { wait } from './interaction/sign-in.ts'
import { Problem } from './problem.ts'
import { stateOf } from './state.ts'
import type { AppCard, ViewModels } from './view-models.ts'

type Model = ViewModels['approve']

const FORM = 'approve'

interface Asked {
  approval: Approval
  app: AppCard
  /** the app is told when there is an answer */
  ping: boolean
  user: User
  state: Model['state']
}

export function approve(deps: HttpDeps): Router {
  const router = new Router()
  router.get('/approve/:token', async (ctx) => show(ctx, deps, await load(ctx, deps)))
  router.post('/approve/:token', (ctx) => decide(ctx, deps))
  return router
}

/** @throws Problem link-invalid: no link of ours, long over, or of somebody who is gone */
async function load(ctx: Context, deps: HttpDeps): Promise<Asked> {
  const { approvals } = deps.services
  const token = String((ctx as unknown as { params: { token?: string } }).params.token ?? '')
  const approval = await approvals.inspect(token)
  const user = approval && (await deps.database.users.find(approval.accountId))
  const client = approval && (await deps.engine.client(approval.clientId))
  if (user?.status !== 'active' || !client) throw new Problem('link-invalid')
  const expired = approval.expiresAt <= deps.clock.now().getTime() / 1000
  const state = (await approvals.isDecided(approval.id)) ? 'used' : expired ? 'expired' : 'form'
  const ping = (client as { backchannelTokenDeliveryMode?: string }).backchannelTokenDeliveryMode === 'ping'
  return { approval, app: appCard(client), ping, user, state }
}

async function decide(ctx: Context, deps: HttpDeps): Promise<void> {
  const form = await readForm(ctx)
  const asked = await load(ctx, deps)
  deps.browser.checkForm(ctx, form, FORM)
  if (asked.state !== 'form') return show(ctx, deps, asked, {}, 410)
  switch (form.get('answer')) {
    case 'deny':
      return finish(ctx, deps, asked, undefined)
    case 'approve':
      return approved(ctx, deps, asked, form)
    default:
      throw new Problem('bad-form', { status: 400 })
  }
}

async function approved(ctx: Context, deps: HttpDeps, asked: Asked, form: Form): Promise<void> {
  const password = form.get('password')
  if (password === '') return show(ctx, deps, asked, { errors: { password: { code: 'required' } } }, 422)
  const known = deps.browser.knownAccounts(ctx)
  try {
    const { user, credential = '' } = await deps.services.signIn.authenticate({
      identifier: asked.user.email,
      password,
      deviceFor: (userId) => known.find((entry) => entry.userId === userId)?.deviceId,
      facts: stateOf(ctx).facts,
      clientId: asked.approval.clientId,
    })
    // The address may have become somebody else's; and one that is not proven tells no app anything.
    if (user?.id !== asked.approval.accountId || !user.emailVerified)
      throw new DomainError('invalid_credentials')
    await finish(ctx, deps, asked, user)
    deps.browser.rememberAccount(ctx, user.id, credential)
  } catch (error) {
    const status = error instanceof DomainError ? REFUSALS[error.code] : undefined
    if (!(error instanceof DomainError) || status === undefined) throw error
    const { code, retryAfterSeconds } = error
    if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds))
    const errors = { form: { code: WORDS[code] ?? code, params: wait(retryAfterSeconds) } }
    await show(ctx, deps, asked, { errors, retryAfterSeconds }, status)
  }
}

const REFUSALS: Partial<Record<DomainError['code'], number>> = {
  invalid_credentials: 401,
  throttled: 429,
  busy: 503,
}
const WORDS: Partial<Record<DomainError['code'], string>> = { invalid_credentials: 'password_wrong' }

/** @param user who proved to be the one who was asked; undefined: the answer is no */
async function finish(ctx: Context, deps: HttpDeps, asked: Asked, user: User | undefined): Promise<void> {
  const { approval, app, ping } = asked
  const proven = { amr: ['pwd'], acr: ACR_PASSWORD }
  const given = user && { ...proven, authTime: proofTime(user, deps.clock.now()) }
  const outcome = await deps.approvalAnswers.give(approval, given, { ping, request: stateOf(ctx).facts })
  // One answer, whatever comes at once from two windows.
  if (outcome !== 'answered') return show(ctx, deps, { ...asked, state: outcome }, {}, 410)
  deps.pages.show(ctx, 'approve-done', { app, outcome: given ? 'approved' : 'denied' })
}

async function show(
  ctx: Context,
  deps: HttpDeps,
  asked: Asked,
  some: Partial<Model> = {},
  status = 200,
): Promise<void> {
  const { approval, app, user, state } = asked
  deps.pages.show(
    ctx,
    'approve',
    {
      action: ctx.path,
      csrf: deps.browser.formToken(ctx, FORM),
      errors: {},
      state,
      app,
      account: { email: user.email, name: user.profile.name },
      bindingMessage: approval.bindingMessage,
      scopes: approval.scopes.map((code) => ({ code, known: isKnownScope(code) })),
      claims: approval.claims,
      resources: await apiWords(deps.resources, approval.resources),
      retryAfterSeconds: undefined,
      ...some,
    },
    status,
  )
}
