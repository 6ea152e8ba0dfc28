// Hands the answer of the sign-in back to the page that asked for it. Swagger UI's own page for this has its script
// inside, which our policy forbids, and goes on when the state is not the one that was sent.
const asked = window.opener?.swaggerUIRedirectOauth2
if (asked) {
  const answer = new URLSearchParams(location.search)
  const code = answer.get('code')
  const fail = (message) => asked.errCb({ authId: asked.auth.name, source: 'auth', level: 'error', message })
  if (answer.get('state') !== asked.state) fail('The answer belongs to another sign-in.')
  else if (code === null) fail(answer.get('error_description') ?? answer.get('error') ?? 'No code came back.')
  else {
    delete asked.state
    asked.auth.code = code
    asked.callback({ auth: asked.auth, redirectUrl: asked.redirectUrl })
  }
  window.close()
}
