/** Loads the sign-in a request belongs to: by the browser's cookie and the address, which must agree. */
import type { Context } from 'koa'
import type { Client, Interaction } from 'oidc-provider'
import type { AuthorizationTypes } from '../../domain/authorization/type.ts'
import type { Ephemeral } from '../../domain/ports.ts'
import type { Progress } from '../../domain/sign-in/progress.ts'
import { appCard, appHome } from '../app-card.ts'
import type { HttpDeps } from '../deps.ts'
import { type Form, readForm } from '../form.ts'
import { Problem } from '../problem.ts'
import type { AppCard } from '../view-models.ts'

export interface Current {
  uid: string
  interaction: Interaction
  client: Client
  app: AppCard
  progress: Progress
}

export interface InteractionDeps extends HttpDeps {
  ephemeral: Ephemeral
  authorizationTypes: AuthorizationTypes
}

/** A finished or forgotten sign-in still leads back to its app this long. */
const REMEMBER_APP_SECONDS = 24 * 3600

const UID = /^[A-Za-z0-9_-]{16,64}$/

/** @throws Problem request-expired (with the way back to the app), other-browser, cookies-missing */
export async function load(ctx: Context, deps: InteractionDeps): Promise<Current> {
  const uid = uidOf(ctx)
  let interaction: Interaction
  try {
    interaction = await deps.engine.interaction(ctx.req, ctx.res)
  } catch (error) {
    if ((error as Error).name !== 'SessionNotFound') throw error
    throw await lost(ctx, deps, uid)
  }
  if (interaction.uid !== uid) throw await lost(ctx, deps, uid)
  const client = await deps.engine.client(String(interaction.params.client_id))
  if (!client) throw new Problem('unknown-client')
  if (deps.browser.currentFlow(ctx) !== uid) {
    deps.browser.beginFlow(ctx, uid)
    await deps.ephemeral.put(appKey(uid), client.clientId, REMEMBER_APP_SECONDS)
  }
  const progress = await deps.services.progress.load(uid)
  return { uid, interaction, client, app: appCard(client, interaction.params.redirect_uri), progress }
}

/** The sign-in and its posted form, checked to come from our own page in this browser. */
export async function loadPost(
  ctx: Context,
  deps: InteractionDeps,
): Promise<{ current: Current; form: Form }> {
  const form = await readForm(ctx)
  const current = await load(ctx, deps)
  deps.browser.checkForm(ctx, form, current.uid)
  return { current, form }
}

export function uidOf(ctx: Context): string {
  const uid = String((ctx as unknown as { params: { uid?: string } }).params.uid ?? '')
  if (!UID.test(uid)) throw new Problem('not-found')
  return uid
}

async function lost(ctx: Context, deps: InteractionDeps, uid: string): Promise<Problem> {
  const clientId = await deps.ephemeral.get(appKey(uid))
  const client = clientId === undefined ? undefined : await deps.engine.client(clientId)
  const url = client && appHome(client)
  const action = url ? ({ kind: 'app', url } as const) : undefined
  // A browser of ours keeps its cookie longer than any sign-in lasts, so one without it began elsewhere or keeps none.
  if (deps.browser.isKnown(ctx)) return new Problem('request-expired', { action })
  // A form is only ever shown together with the cookie: where one comes without, the cookie was lost or refused.
  const elsewhere = clientId !== undefined && ctx.method !== 'POST'
  return new Problem(elsewhere ? 'other-browser' : 'cookies-missing', { action })
}

const appKey = (uid: string) => `sign-in-app:${uid}`
