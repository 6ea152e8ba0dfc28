/** The person gives up; the app is told so (`access_denied`, RFC 6749 4.1.2.1). */
import type { Context } from 'koa'
import { stateOf } from '../state.ts'
import { type InteractionDeps, loadPost } from './load.ts'

/** POST /interaction/:uid/abort */
export async function abort(ctx: Context, deps: InteractionDeps): Promise<void> {
  const { current } = await loadPost(ctx, deps)
  const { interaction, client, uid } = current
  if (interaction.prompt.name === 'consent')
    await deps.database.audit.append({
      name: 'consent.denied',
      outcome: 'success',
      userId: interaction.session?.accountId,
      clientId: client.clientId,
      request: stateOf(ctx).facts,
    })
  const returnTo = await deps.engine.abort(ctx.req, ctx.res, 'the person gave up')
  await deps.services.progress.clear(uid)
  ctx.status = 303
  ctx.redirect(returnTo)
}
