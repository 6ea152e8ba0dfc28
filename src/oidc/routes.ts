/** Paths of the protocol endpoints, as in the discovery document. */
export const ENDPOINTS = {
  authorization: '/auth',
  backchannel_authentication: '/backchannel',
  code_verification: '/device',
  device_authorization: '/device/auth',
  end_session: '/session/end',
  introspection: '/introspect',
  jwks: '/jwks',
  pushed_authorization_request: '/par',
  registration: '/reg',
  revocation: '/revoke',
  token: '/token',
  userinfo: '/userinfo',
} as const

export const DISCOVERY_PATH = '/.well-known/openid-configuration'

/** OAuth 2.0 for First-Party Applications (draft), 4.1; ours, and not the engine's. */
export const CHALLENGE_PATH = '/authorize-challenge'
/** Under which that endpoint is known to the engine: never offered, and refused at the token endpoint. */
export const CHALLENGE_GRANT = 'urn:ostiary:params:oauth:grant-type:authorization-challenge'

export const DISCOVERY_PATHS = new Set<string>([DISCOVERY_PATH, '/.well-known/oauth-authorization-server'])
