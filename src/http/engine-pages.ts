/** The engine's pages, drawn by us (`oidc/pages.ts` says which). */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { shownCode } from '../domain/failures/record.ts'
import type { UserRepository } from '../domain/ports.ts'
import type { EnginePages, EngineProblem } from '../oidc/pages.ts'
import { appCard, appHome } from './app-card.ts'
import { answer } from './middleware/errors.ts'
import { pagePolicy } from './middleware/security-headers.ts'
import type { Pages } from './pages.ts'
import { Problem } from './problem.ts'
import { paths } from './urls.ts'
import type { ViewModels } from './view-models.ts'

export function enginePages(deps: { pages: Pages; users: UserRepository }): EnginePages {
  const { pages, users } = deps
  const card = (client: Client | undefined) => client && appCard(client)
  return {
    problem(ctx, problem) {
      const home = problem.client && appHome(problem.client)
      const page = new Problem(problem.kind, {
        status: problem.status,
        action: home ? { kind: 'app', url: home } : undefined,
        failureCode: problem.failureCode && shownCode(problem.failureCode),
        explanation: problem.explained && shown(problem),
      })
      answer(ctx, page, pages)
    },
    async logout(ctx, { action, xsrf, client, accountId }) {
      const user = accountId === undefined ? undefined : await users.find(accountId)
      pages.show(ctx, 'logout', {
        action,
        xsrf,
        app: card(client),
        account: user && { email: user.email, name: user.profile.name },
      })
    },
    loggedOut(ctx, client) {
      pages.show(ctx, 'logout-done', {
        app: card(client),
        homeUrl: (client && appHome(client)) ?? paths.home,
      })
    },
    signingOut(ctx, { frames, continueUrl }) {
      ctx.set('Content-Security-Policy', pagePolicy(frames.map((frame) => new URL(frame).origin)))
      // What the page's script does, for browsers without it.
      ctx.set('Refresh', `3;url=${continueUrl}`)
      pages.show(ctx, 'signing-out', { frames, continueUrl })
    },
    deviceCode(ctx, { action, xsrf, userCode, wrong }) {
      pages.show(
        ctx,
        'device/code',
        {
          action,
          xsrf,
          userCode,
          errors:
            wrong === undefined
              ? {}
              : { user_code: { code: wrong === 'required' ? 'user_code_required' : 'user_code_wrong' } },
        },
        wrong === undefined ? 200 : 422,
      )
    },
    deviceConfirm(ctx, { action, xsrf, userCode, client, ip, userAgent, elsewhere }) {
      pages.show(ctx, 'device/confirm', {
        action,
        xsrf,
        userCode,
        app: appCard(client),
        device: { ip, userAgent, elsewhere },
      })
    },
    deviceDone(ctx, client, outcome) {
      if (!client) throw new Problem('unknown-client')
      pages.show(ctx as KoaContextWithOIDC, 'device/done', { app: appCard(client), outcome })
    },
  }
}

/** In the order in which a developer asks. */
function shown({ error, description, explained }: EngineProblem): ViewModels['error']['explanation'] {
  if (!explained) return undefined
  const { explanation, failure } = explained
  const { sent, expected, nearest, difference, change, standard } = explanation
  const facts = { sent, expected, nearest: nearest === expected ? undefined : nearest, difference }
  return {
    error,
    description: description ?? '',
    summary: explanation.summary,
    facts: Object.entries(facts).flatMap(([name, value]) => (value ? [{ name, value }] : [])),
    change,
    standard,
    request: Object.entries(failure.sent).map(([name, value]) => ({ name, value })),
  }
}
