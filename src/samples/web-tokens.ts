/** The tokens of a session: renewed with the refresh token one after another, and one for the API when it is needed. */
import * as oidc from 'openid-client'
import { type Account, forget, type Session } from './sessions.ts'
import { expiryOf } from './web-provider.ts'

export function sessionTokens(
  provider: () => Promise<oidc.Configuration>,
  api: { audience: string; scope: string },
) {
  /**
   * Runs one refresh of the session's tokens, after those before it. When the provider no longer honours the
   * refresh token (RFC 6749, section 5.2: `invalid_grant`), the person has to sign in again.
   */
  function refreshing<T>(
    session: Session,
    refresh: (config: oidc.Configuration, account: Account, refreshToken: string) => Promise<T>,
  ): Promise<T | undefined> {
    const run = async () => {
      const account = session.account
      if (!account) return undefined
      if (account.refreshToken === undefined) {
        session.notice = 'The provider gave no refresh token, so the tokens cannot be renewed.'
        return undefined
      }
      try {
        return await refresh(await provider(), account, account.refreshToken)
      } catch (error) {
        if (!(error instanceof oidc.ResponseBodyError) || error.error !== 'invalid_grant') throw error
        forget(session)
        session.notice = 'The provider no longer accepts the refresh token. Please sign in again.'
        return undefined
      }
    }
    const result = session.lastRefresh.then(run, run)
    session.lastRefresh = result.catch(() => undefined)
    return result
  }

  /**
   * An access token is good for one audience. The one from the sign-in is for the userinfo endpoint; the refresh
   * token gets another one for the API (RFC 8707, section 2.2), narrowed to the one scope that it needs.
   */
  async function apiToken(session: Session): Promise<string | undefined> {
    return refreshing(session, async (config, account, refreshToken) => {
      if (account.apiToken && account.apiToken.expiresAt.getTime() > Date.now() + 10_000) {
        return account.apiToken.value
      }
      const tokens = await oidc.refreshTokenGrant(config, refreshToken, {
        resource: api.audience,
        scope: api.scope,
      })
      account.refreshToken = tokens.refresh_token ?? account.refreshToken
      account.apiToken = { value: tokens.access_token, expiresAt: expiryOf(tokens) ?? new Date() }
      return account.apiToken.value
    })
  }

  return { refreshing, apiToken }
}
