/**
 * Back-channel logout (OpenID Connect Back-Channel Logout 1.0). The engine makes and signs the token; when it goes out is
 * ours to say: not while a person waits for the page, but from the outbox, where the end of the session wrote the notice.
 */
import type Provider from 'oidc-provider'
import { NoticeError } from '../domain/access/notice-error.ts'
import type { LogoutNotice } from '../domain/outbox.ts'

/** Public in the engine and missing from its types. */
interface NotifiableClient {
  backchannelLogoutUri?: string
  backchannelLogout(sub: string, sid: string | undefined): Promise<void>
  sendLogoutToken(sub: string, sid: string | undefined): Promise<void>
}

/** Inside a request the engine sends nothing: that would be a second notice, and a wait for the slowest application. */
export function sendOnlyFromOutbox(provider: Provider): void {
  const client = provider.Client.prototype as unknown as NotifiableClient
  client.sendLogoutToken = client.backchannelLogout
  client.backchannelLogout = async () => {}
}

/**
 * Tells an application, with a token made now. One that is gone, disabled or no longer listens has nothing to be told.
 * @throws NoticeError
 */
export async function sendLogoutNotice(provider: Provider, notice: LogoutNotice): Promise<void> {
  const client = (await provider.Client.find(notice.clientId)) as unknown as NotifiableClient | undefined
  if (!client?.backchannelLogoutUri) return
  try {
    await client.sendLogoutToken(notice.accountId, notice.sid)
  } catch (error) {
    throw noticeError(error)
  }
}

/** 2.8: 200 (or 204) is a yes, 400 a no; everything else says nothing about the notice. */
export function noticeError(error: unknown): NoticeError {
  const { response, failure, message } = error as {
    response?: { status: number }
    failure?: string
    message?: string
  }
  if (response?.status === 400) return new NoticeError('turned-down', 'the app answered 400', error)
  if (response) return new NoticeError('temporary', `the app answered ${response.status}`, error)
  if (failure === 'refused') return new NoticeError('permanent', String(message), error)
  return new NoticeError(
    'temporary',
    failure === undefined ? 'it could not be made or sent' : String(message),
    error,
  )
}
