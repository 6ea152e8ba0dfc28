/** What the front door found out about a request, for everything behind it. */
import type { Context } from 'koa'
import type { RequestFacts } from '../domain/audit/events.ts'

export interface State {
  facts: RequestFacts
  /** whether the answer is a page of ours with a form that leads back to an app */
  pageKind?: 'page' | 'mail'
}

export function stateOf(ctx: Pick<Context, 'state'>): State {
  return ctx.state as State
}
