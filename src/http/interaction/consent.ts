/** What an app asks for, in plain words; what the person allows is remembered (`consents`) and granted (Grant). */

import type { Context } from 'koa'
import { type Described, describe } from '../../domain/authorization/describe.ts'
import type { AuthorizationDetail } from '../../domain/authorization/type.ts'
import { stringsOf } from '../../lib/texts.ts'
import { askedDetails } from '../../oidc/authorization-details.ts'
import { isKnownScope } from '../../oidc/claims.ts'
import type { Asked } from '../../oidc/grants.ts'
import { apiWords } from '../api-words.ts'
import type { Form } from '../form.ts'
import { Problem } from '../problem.ts'
import { stateOf } from '../state.ts'
import { paths } from '../urls.ts'
import { type Current, type InteractionDeps, loadPost } from './load.ts'

export async function showConsent(ctx: Context, deps: InteractionDeps, current: Current): Promise<void> {
  const { uid, app } = current
  const user = await accountOf(deps, current)
  const { asked, additional } = await askedFor(deps, current)
  deps.pages.show(ctx, 'interaction/consent', {
    action: paths.step(uid, 'consent'),
    csrf: deps.browser.formToken(ctx, uid),
    errors: {},
    app,
    account: { email: user.email, name: user.profile.name },
    scopes: asked.scopes.map((code) => ({
      code,
      known: isKnownScope(code),
      optional: code !== 'openid',
    })),
    claims: asked.claims,
    resources: await apiWords(deps.resources, asked.resources),
    details: describedDetails(deps, current),
    offline: asked.scopes.includes('offline_access'),
    additional,
    switchAccountAction: paths.step(uid, 'switch'),
    denyAction: paths.step(uid, 'abort'),
  })
}

/** POST /interaction/:uid/consent */
export async function consent(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current, form } = await loadPost(ctx, deps)
  if (current.interaction.prompt.name !== 'consent') throw new Problem('request-expired')
  const user = await accountOf(deps, current)
  const { asked } = await askedFor(deps, current)
  const granted = chosen(asked, form)
  const refused = asked.scopes.filter((scope) => !granted.scopes.includes(scope))
  const clientId = current.client.clientId
  const authorizationDetails = askedDetails(current.interaction.params)
  await deps.database.transaction(async (repositories) => {
    await repositories.consents.remember({ userId: user.id, clientId, ...granted })
    if (refused.length > 0) await repositories.consents.withdraw(user.id, clientId, refused)
    await repositories.audit.append({
      name: 'consent.granted',
      outcome: 'success',
      userId: user.id,
      clientId,
      request: stateOf(ctx).facts,
      detail: {
        scope: granted.scopes.join(' '),
        refused: refused.join(' '),
        details: authorizationDetails.map(({ type }) => type).join(' '),
      },
    })
  })
  const kept = authorizationDetails.filter(
    ({ type }) => deps.authorizationTypes.find(type)?.ask === 'session',
  )
  const grantId = await deps.engine.grant(current.interaction, user.id, clientId, granted, refused, kept)
  const returnTo = await deps.engine.finish(ctx.req, ctx.res, { consent: { grantId, authorizationDetails } })
  ctx.status = 303
  ctx.redirect(returnTo)
}

/** POST /interaction/:uid/switch: "this is not me": sign in as somebody else, then consent */
export async function switchAccount(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current } = await loadPost(ctx, deps)
  if (current.interaction.prompt.name !== 'consent') throw new Problem('request-expired')
  // The engine's session is somebody else's: begin the request again and ask who is there.
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(current.interaction.params)) {
    if (typeof value === 'string' && name !== 'prompt') query.set(name, value)
    if (Array.isArray(value)) for (const entry of value) query.append(name, String(entry))
  }
  query.set('prompt', 'select_account')
  ctx.status = 303
  ctx.redirect(`/auth?${query}`)
}

async function accountOf(deps: InteractionDeps, current: Current) {
  const accountId = current.interaction.session?.accountId
  const user = accountId === undefined ? undefined : await deps.database.users.find(accountId)
  if (user?.status !== 'active') throw new Problem('account-disabled')
  return user
}

/** @throws Problem request-expired when a type was taken away or changed while the sign-in was under way */
function describedDetails(deps: InteractionDeps, current: Current): Described[] {
  return askedDetails(current.interaction.params).map((detail: AuthorizationDetail) => {
    const type = deps.authorizationTypes.find(detail.type)
    const described = type && describe(type, detail)
    if (!described) throw new Problem('request-expired')
    return described
  })
}

/** What is new; when nothing is (prompt=consent), everything the request asks for and what the app has anyhow. */
async function askedFor(
  deps: InteractionDeps,
  current: Current,
): Promise<{ asked: Asked; additional: boolean }> {
  const { details } = current.interaction.prompt
  const { params, grantId } = current.interaction
  const missing: Asked = {
    scopes: stringsOf(details.missingOIDCScope),
    claims: stringsOf(details.missingOIDCClaims),
    resources: (details.missingResourceScopes ?? {}) as Record<string, string[]>,
  }
  const nothingNew =
    missing.scopes.length + missing.claims.length + Object.keys(missing.resources).length === 0
  if (!nothingNew) return { asked: missing, additional: grantId !== undefined }
  const again = String(params.prompt ?? '')
    .split(' ')
    .includes('consent')
  if (!again && params.authorization_details !== undefined)
    return { asked: { scopes: [], claims: [], resources: {} }, additional: grantId !== undefined }
  const scopes = String(params.scope ?? '')
    .split(' ')
    .filter(isKnownScope)
  const { claims, resources } = await deps.engine.granted(current.interaction)
  return { asked: { scopes, claims, resources }, additional: false }
}

/** `openid` cannot be refused, claims and resources go together with the rest; everything else is the person's choice. */
function chosen(asked: Asked, form: Form): Asked {
  const ticked = new Set(form.all('scope'))
  return { ...asked, scopes: asked.scopes.filter((scope) => scope === 'openid' || ticked.has(scope)) }
}
