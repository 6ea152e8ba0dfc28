/**
 * Tells an app that the answer it waits for is there (CIBA Core 1.0 10.2): from the outbox, with the token that the app
 * gave for it. The answer itself is fetched at the token endpoint.
 */
import type Provider from 'oidc-provider'
import { NoticeError } from '../domain/access/notice-error.ts'
import type { Approvals } from '../domain/approvals/approvals.ts'
import type { ApprovalPing } from '../domain/outbox.ts'
import { noticeError } from './backchannel.ts'

/** Public in the engine and missing from its types. */
interface PingedClient {
  backchannelTokenDeliveryMode?: string
  backchannelPing(request: object): Promise<void>
}

interface Answered {
  grantId?: string
  error?: string
  consumed?: number
}

/**
 * A request that is over, or was fetched meanwhile, is nothing to tell of.
 * @throws NoticeError
 */
export async function sendPing(
  provider: Provider,
  approvals: Pick<Approvals, 'find'>,
  { approvalId, clientId }: ApprovalPing,
): Promise<void> {
  const approval = await approvals.find(approvalId)
  const client = (await provider.Client.find(clientId)) as unknown as PingedClient | undefined
  if (!approval || client?.backchannelTokenDeliveryMode !== 'ping') return
  const found = await provider.BackchannelAuthenticationRequest.find(approval.authReqId)
  const request = found as unknown as Answered | undefined
  if (!request || request.consumed) return
  // This row was written a moment before the answer.
  if (!request.grantId && !request.error) throw new NoticeError('temporary', 'there is no answer yet')
  try {
    await client.backchannelPing(request)
  } catch (error) {
    throw noticeError(error)
  }
}
