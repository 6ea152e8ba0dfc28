/** Sign-in that a third party begins (OpenID Connect Core 1.0, 4): so far, what an app registers for it. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, json, refuses } from '../harness/mutations.ts'
import { register } from './dynamic.ts'

const URI = 'https://app.example/begin'

export const thirdPartyLogin = [
  check(
    'third-party-registered',
    'OpenID Connect Registration 1.0, 2',
    'takes initiate_login_uri and answers with it',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: URI })
      expect([status, body.initiate_login_uri]).to.deep.equal([201, URI])
    },
    json('/reg', 'forgets it', (body) => delete body.initiate_login_uri),
    refuses('/reg'),
  ),
  check(
    'third-party-https',
    'OpenID Connect Registration 1.0, 2',
    'takes no initiate_login_uri that is not https',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: 'http://app.example/begin' })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
  check(
    'third-party-no-script',
    'OpenID Connect Core 1.0, 4',
    'takes no initiate_login_uri that a browser would run',
    async (op) => {
      const { status, json: body } = await register(op, { initiate_login_uri: 'javascript:alert(1)' })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
]
