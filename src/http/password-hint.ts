/** The live hint under a new password: the very function that decides when the form is posted. */
import Router from '@koa/router'
import { passwordProblems } from '../domain/passwords/policy.ts'
import type { HttpDeps } from './deps.ts'
import { readJson } from './form.ts'
import { Problem } from './problem.ts'

export function passwordHint(deps: HttpDeps): Router {
  const router = new Router()
  router.post('/password-hint', async (ctx) => {
    if (ctx.get('Sec-Fetch-Site') === 'cross-site') throw new Problem('bad-form')
    const { password = '', ...context } = await readJson(ctx)
    const problems = passwordProblems(password, deps.passwordPolicy, context)
    ctx.body = { ok: problems.length === 0, problems: problems.map(({ code }) => code) }
  })
  return router
}
