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
