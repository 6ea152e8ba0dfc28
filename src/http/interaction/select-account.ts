/** Which account to use: the one signed in here, one that signed in here before, or another. */
import type { Context } from 'koa'
import { Problem } from '../problem.ts'
import { paths } from '../urls.ts'
import type { ViewModels } from '../view-models.ts'
import { advance } from './dispatch.ts'
import { type Current, type InteractionDeps, loadPost } from './load.ts'

export async function showSelectAccount(
  ctx: Context,
  deps: InteractionDeps,
  current: Current,
): Promise<void> {
  const { uid, app } = current
  deps.pages.show(ctx, 'interaction/select-account', {
    action: paths.step(uid, 'account'),
    csrf: deps.browser.formToken(ctx, uid),
    errors: {},
    app,
    accounts: await accountsOf(ctx, deps, current),
    forgetAction: paths.step(uid, 'forget'),
    otherAction: paths.step(uid, 'other'),
    abortAction: paths.step(uid, 'abort'),
  })
}

/** POST /interaction/:uid/account */
export async function selectAccount(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  const accounts = await accountsOf(ctx, deps, current)
  const picked = accounts.find((account) => account.id === form.get('account'))
  if (!picked) throw new Problem('bad-form')
  if (picked.current && current.interaction.prompt.name === 'select_account') {
    ctx.status = 303
    ctx.redirect(await deps.engine.finish(ctx.req, ctx.res, { select_account: {} }))
    return
  }
  current.progress = { wish: 'other-account', identifier: picked.email }
  return advance(ctx, deps, current)
}

/** POST /interaction/:uid/other */
export async function otherAccount(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current } = await loadPost(ctx, deps)
  current.progress = { wish: 'other-account' }
  return advance(ctx, deps, current)
}

/** POST /interaction/:uid/forget: this browser no longer offers the account */
export async function forgetAccount(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  deps.browser.forgetAccount(ctx, form.get('account'))
  return advance(ctx, deps, current)
}

type Account = ViewModels['interaction/select-account']['accounts'][number]

async function accountsOf(ctx: Context, deps: InteractionDeps, current: Current): Promise<Account[]> {
  const signedIn = current.interaction.session?.accountId
  const ids = new Set([
    ...(signedIn === undefined ? [] : [signedIn]),
    ...deps.browser.knownAccounts(ctx).map(({ userId }) => userId),
  ])
  const users = await Promise.all([...ids].map((id) => deps.database.users.find(id)))
  return users.flatMap((user) =>
    user?.status === 'active'
      ? [{ id: user.id, email: user.email, name: user.profile.name, current: user.id === signedIn }]
      : [],
  )
}
