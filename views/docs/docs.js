// Starts Swagger UI and tells it how to sign in: authorization code with PKCE, for this API (RFC 8707).
const ui = window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  oauth2RedirectUrl: `${location.origin}/docs/oauth2-redirect.html`,
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
})
ui.initOAuth({
  clientId: 'ostiary-docs',
  usePkceWithAuthorizationCodeGrant: true,
  additionalQueryStringParams: { resource: `${location.origin}/api` },
})
