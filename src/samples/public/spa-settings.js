// The settings of the single-page app, for the page itself and for the one in the hidden frame.

const { WebStorageStateStore } = globalThis.oidc

export async function loadConfiguration() {
  const response = await fetch('/spa/config.json')
  if (!response.ok) throw new Error(`The settings could not be loaded (${response.status})`)
  return response.json()
}

// Tokens are kept for this tab only. Whatever a page can read, a script that slips into it can read as well: keep
// such scripts out by a Content Security Policy, and let access tokens live for minutes, not hours.
function common({ issuer, clientId }) {
  return {
    authority: issuer,
    client_id: clientId,
    redirect_uri: `${location.origin}/spa/callback`,
    silent_redirect_uri: `${location.origin}/spa/silent`,
    post_logout_redirect_uri: `${location.origin}/spa`,
    // Authorization code flow; oidc-client-ts adds PKCE (RFC 7636), `state` and `nonce` by itself.
    response_type: 'code',
    stateStore: new WebStorageStateStore({ store: sessionStorage, prefix: 'sample-spa.state.' }),
    // A real app leaves this on. Here each renewal is to be seen, and has its button.
    automaticSilentRenew: false,
    // RFC 7009, section 2.2: the answer to a revocation is an empty one, of whatever type.
    revokeTokenAdditionalContentTypes: ['text/plain'],
  }
}

/** Who is signed in. The access token from this is for the userinfo endpoint. */
export function identitySettings(configuration) {
  return {
    ...common(configuration),
    // The API and its scope (RFC 8707, section 2.1) are named here so that they are granted with the sign-in.
    scope: `openid profile email offline_access ${configuration.apiScope}`,
    resource: configuration.apiAudience,
    loadUserInfo: true,
    userStore: new WebStorageStateStore({ store: sessionStorage, prefix: 'sample-spa.user.' }),
  }
}

/** An access token for the API. It is another token, because one token is good for one audience only. */
export function apiSettings(configuration) {
  return {
    ...common(configuration),
    scope: `openid ${configuration.apiScope}`,
    resource: configuration.apiAudience,
    // RFC 8707, section 2.2: the token request says which of the granted resources this token is for.
    extraTokenParams: { resource: configuration.apiAudience },
    userStore: new WebStorageStateStore({ store: sessionStorage, prefix: 'sample-spa.api.' }),
  }
}
