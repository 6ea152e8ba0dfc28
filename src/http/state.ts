/** What the front door found out about a request, for everything behind it. */
import type { Context } from 'koa'
import type { RequestFacts } from '../domain/audit/events.ts'
import type { PresentedCertificate } from '../oidc/certificate.ts'

export interface State {
  facts: RequestFacts
  /** W3C Trace Context, of a trusted proxy */
  traceparent?: string | undefined
  traceId?: string
  /** handed on by a trusted proxy at the mTLS host */
  certificate?: PresentedCertificate | undefined
  /** what is measured together with this request, where the address does not say it */
  route?: string
  /** a page of ours shows this answer in a frame (the mailbox shows mails so) */
  framedByUs?: boolean
}

export function stateOf(ctx: Pick<Context, 'state'>): State {
  return ctx.state as State
}
