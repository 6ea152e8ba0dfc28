/** Signing in by the API: tokens of the engine for a password, their renewal, and their end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Access } from '../../src/domain/access/service.ts'
import { API_CLIENT } from '../../src/oidc/api-client.ts'
import { audited, CONSOLE, callerOf, newCaller } from '../support/api.ts'
import { AUTH, auth, authAs, login, type TokenSet } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, get, onEveryStack, type ProtocolApp, post } from '../support/protocol.ts'
import { PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'

const ME = '/api/v1/users/me'
const WRONG = 'wrong wrong wrong wrong'
const ADA = { email: 'ada@example.org', username: 'ada.lovelace' }

onEveryStack(
  'the API: signing in',
  { people: [ADA], overrides: { clients: [webClient(CONSOLE)], limits: { signInNetwork: 1000 } } },
  (app) => {
    const seen = (token: string) =>
      post(`${app.issuer}/introspect`, { token }, { basic: ['web', RP_SECRET] })
    const codeOf = async (email: string, mail = 0) =>
      /\b\d{3}\s?\d{3}\b/.exec((await app.nextMail(email, mail)).text)?.[0] ?? ''

    it('gives tokens for the password, by the address or the username', async () => {
      for (const name of [{ email: ADA.email }, { username: ADA.username }, { email: 'ADA@Example.org ' }]) {
        const { status, json, headers } = await auth(app, 'login', { ...name, password: PASSWORD })
        expect(status, JSON.stringify(json)).to.equal(200)
        expect(json).to.have.keys('access_token', 'token_type', 'expires_in', 'refresh_token', 'scope')
        expect(json).to.deep.include({ token_type: 'Bearer', expires_in: 1800 })
        expect(json.scope.split(' ')).to.have.members(['account:read', 'account:write'])
        expect(headers.get('cache-control')).to.equal('no-store')
        expect(headers.get('set-cookie')).to.equal(null)
        expect((await callerOf(app, json.access_token).get(ME)).json.email).to.equal(ADA.email)
      }
    })

    it('gives tokens that are what they say, wherever they are shown', async () => {
      const tokens = await login(app, ADA.email)
      const { json: access } = await seen(tokens.access_token)
      const until = Math.floor(Date.now() / 1000) + 1800
      expect(access).to.deep.include({ active: true, client_id: API_CLIENT, aud: `${app.issuer}/api` })
      expect(access.exp).to.be.within(until - 5, until + 5)
      const { json: refresh } = await seen(tokens.refresh_token)
      expect(refresh.exp).to.be.within(until - 1805 + 30 * 86_400, until - 1795 + 30 * 86_400)
      // For the API and for nothing else: there is no openid in it.
      expect((await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(403)
      expect((await callerOf(app, tokens.access_token).get('/api/v1/admin/users')).json.code).to.equal(
        'insufficient_scope',
      )
    })
  },
)
