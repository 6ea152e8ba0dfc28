/** Paths of the sign-in; nothing but the table. */
import Router from '@koa/router'
import type { Context } from 'koa'
import { abort } from './abort.ts'
import { consent, switchAccount } from './consent.ts'
import { dispatch } from './dispatch.ts'
import type { InteractionDeps } from './load.ts'
import { register, registerPage } from './register.ts'
import { forgetAccount, otherAccount, selectAccount } from './select-account.ts'
import { signIn, signInPage } from './sign-in.ts'
import { resendMail, restart, verifyEmail } from './verify-email.ts'

export function interactionRouter(deps: InteractionDeps): Router {
  const router = new Router({ prefix: '/interaction/:uid' })
  const on = (handler: (ctx: Context, deps: InteractionDeps) => Promise<void>) => (ctx: Context) =>
    handler(ctx, deps)
  router.get('/', on(dispatch))
  router.get('/sign-in', on(signInPage))
  router.post('/sign-in', on(signIn))
  router.get('/register', on(registerPage))
  router.post('/register', on(register))
  router.post('/verify-email', on(verifyEmail))
  router.post('/resend', on(resendMail))
  router.post('/restart', on(restart))
  router.post('/account', on(selectAccount))
  router.post('/other', on(otherAccount))
  router.post('/forget', on(forgetAccount))
  router.post('/consent', on(consent))
  router.post('/switch', on(switchAccount))
  router.post('/abort', on(abort))
  // A reloaded or bookmarked step is led back to where the sign-in stands.
  router.get('/:step', (ctx) => {
    ctx.status = 303
    ctx.redirect(`/interaction/${encodeURIComponent(String(ctx.params.uid))}`)
  })
  return router
}
