/** Sign-in without a browser (draft-ietf-oauth-first-party-apps-04), as the operator's own app does it. */
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { FirstPartyApp, newKeys } from '../support/first-party-app.ts'
import { get, JANE, newAgent, onEveryStack, post } from '../support/protocol.ts'
import { CALLBACK, PASSWORD, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const marked = { first_party: true, first_party_challenge: true }
const native = { application_type: 'native', redirect_uris: [CALLBACK] }
const clients = [
  publicClient({
    client_id: 'phone',
    ...marked,
    ...native,
    // Nothing listens there: the notices wait.
    backchannel_logout_uri: 'https://phone.example.org/logout',
  }),
  webClient({ client_id: 'till', ...marked }),
  publicClient({ client_id: 'locked', ...marked, ...native, dpop_bound_access_tokens: true }),
  webClient({ client_id: 'api', first_party: true, redirect_uris: ['http://localhost:9/api'] }),
]
const NEW = { email: 'newcomer@example.org', verified: false }
const API = 'https://api.example.org'
const settings = { RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'] }]) }

onEveryStack(
  'sign-in without a browser',
  { overrides: { clients }, settings, people: [{ ...JANE, username: 'jane' }, NEW] },
  (app) => {
    const phone = () => new FirstPartyApp(app.issuer, 'phone')
    const codeIn = async (to: string) =>
      /^\s*(\d{3}) ?(\d{3})\s*$/m
        .exec((await app.nextMail(to)).text)
        ?.slice(1)
        .join('') ?? 'no code'

    it('is offered in the discovery document, and its grant type is not (8)', async () => {
      const { json } = await get(`${app.issuer}/.well-known/oauth-authorization-server`)
      expect(json.authorization_challenge_endpoint).to.equal(`${app.issuer}/authorize-challenge`)
      expect(json.grant_types_supported.join()).to.not.include('ostiary')
    })

    it('leads an app of oauth4webapi from its form to its tokens', async () => {
      const insecure = { [oauth.allowInsecureRequests]: true }
      const issuer = new URL(app.issuer)
      const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
      const rp: oauth.Client = { client_id: 'phone' }
      const verifier = oauth.generateRandomCodeVerifier()
      const parameters = {
        ...{ response_type: 'code', redirect_uri: CALLBACK, scope: 'openid email', nonce: 'n-1' },
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }
      const pushed = await oauth.processPushedAuthorizationResponse(
        as,
        rp,
        await oauth.pushedAuthorizationRequest(as, rp, oauth.None(), parameters, insecure),
      )
      const form = {
        client_id: 'phone',
        request_uri: pushed.request_uri,
        username: 'jane',
        password: PASSWORD,
      }
      const answer = await post(String(as.authorization_challenge_endpoint), form)
      expect(answer.status, answer.text).to.equal(200)
      expect(answer.headers.get('cache-control')).to.equal('no-store')
      expect(answer.headers.get('set-cookie'), 'a cookie for an app').to.equal(null)
      expect(Object.keys(answer.json)).to.deep.equal(['authorization_code'])
      const callback = oauth.validateAuthResponse(
        as,
        rp,
        new URL(`${CALLBACK}?code=${answer.json.authorization_code}&iss=${encodeURIComponent(app.issuer)}`),
        oauth.expectNoState,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(
        as,
        rp,
        await oauth.authorizationCodeGrantRequest(
          as,
          rp,
          oauth.None(),
          callback,
          CALLBACK,
          verifier,
          insecure,
        ),
        { expectedNonce: 'n-1' },
      )
      const claims = oauth.getValidatedIdTokenClaims(tokens)
      expect(claims?.acr).to.equal('urn:ostiary:acr:password')
      expect(claims?.amr).to.deep.equal(['pwd'])
      expect(claims?.auth_time).to.be.closeTo(Date.now() / 1000, 10)
      expect(tokens.refresh_token).to.be.a('string')
    })

    it('authenticates confidential clients (4.1)', async () => {
      const till = new FirstPartyApp(app.issuer, 'till', { basic: ['till', RP_SECRET] })
      const uri = await till.push()
      const fields = { request_uri: uri, username: JANE.email, password: PASSWORD }
      const bare = await new FirstPartyApp(app.issuer, 'till').challenge(fields)
      expect([bare.status, bare.json.error]).to.deep.equal([401, 'invalid_client'])
      const answer = await till.challenge(fields)
      expect(answer.status, answer.text).to.equal(200)
      expect((await till.exchange(answer.json.authorization_code)).json.id_token).to.be.a('string')
    })

    it('asks for the code of the mail where the address is not proven (5.3)', async () => {
      const rp = phone()
      const first = await rp.signIn(NEW.email, PASSWORD)
      expect([first.status, first.json.error]).to.deep.equal([403, 'insufficient_authorization'])
      expect(first.json.next).to.equal('verification_code')
      const code = await codeIn(NEW.email)
      const wrong = await rp.challenge({
        auth_session: first.json.auth_session,
        verification_code: code === '000000' ? '111111' : '000000',
      })
      expect([wrong.status, wrong.json.error]).to.deep.equal([400, 'invalid_grant'])
      const none = await rp.challenge({ auth_session: wrong.json.auth_session })
      expect([none.status, none.json.error]).to.deep.equal([403, 'insufficient_authorization'])
      const soon = await rp.challenge({ auth_session: none.json.auth_session, resend: 'true' })
      expect(soon.status).to.equal(429)
      expect(Number(soon.headers.get('retry-after'))).to.be.within(1, 60)
      const done = await rp.challenge({ auth_session: none.json.auth_session, verification_code: code })
      expect(done.status, done.text).to.equal(200)
      const tokens = await rp.exchange(done.json.authorization_code)
      expect(tokens.status, tokens.text).to.equal(200)
      const { json } = await get(`${app.issuer}/userinfo`, { bearer: tokens.json.access_token })
      expect(json).to.include({ email: NEW.email, email_verified: true })
    })

    it('binds the code to the key that the pushed request was bound to (9.5.1)', async () => {
      const rp = new FirstPartyApp(app.issuer, 'locked')
      rp.keys = await newKeys()
      const answer = await rp.signIn(JANE.email, PASSWORD)
      expect(answer.status, answer.text).to.equal(200)
      const tokens = await rp.exchange(answer.json.authorization_code)
      expect(tokens.status, tokens.text).to.equal(200)
      expect(tokens.json.token_type).to.equal('DPoP')
    })

    it('gives access tokens for APIs (RFC 8707)', async () => {
      const rp = phone()
      const answer = await rp.signIn(JANE.email, PASSWORD, { resource: API, scope: 'openid read' })
      expect(answer.status, answer.text).to.equal(200)
      const { json } = await rp.exchange(answer.json.authorization_code, { resource: API })
      expect(decodeJwt(json.access_token)).to.include({ aud: API, scope: 'read' })
    })

    it('sends the app to the web for what only a page can ask, with the same request (5.2.2.1.1)', async () => {
      const rp = phone()
      const answer = await rp.signIn(JANE.email, PASSWORD, { prompt: 'consent' })
      expect([answer.status, answer.json.error]).to.deep.equal([403, 'redirect_to_web'])
      const query = new URLSearchParams({ client_id: 'phone', request_uri: answer.json.request_uri })
      const agent = newAgent()
      let page = await agent.get(`${app.issuer}/auth?${query}`)
      expect(page.text).to.include('password')
      page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
      page = await agent.submit(page, {}, '/consent')
      const code = new URL(page.url).searchParams.get('code')
      expect((await rp.exchange(String(code))).status).to.equal(200)
      const open = await app.app.storage.artifacts.findSessionsByAccount(String(await janeId()))
      expect(open.every(({ authorizations }) => authorizations !== undefined)).to.equal(true)
    })

    const janeId = async () => (await app.app.storage.database.users.findByEmail(JANE.email))?.id

    it('makes a session that signing out everywhere ends, with all that came of it', async () => {
      const rp = phone()
      const answer = await rp.signIn(JANE.email, PASSWORD)
      const { json } = await rp.exchange(answer.json.authorization_code)
      expect(json.refresh_token).to.be.a('string')
      const { access } = app.app.storage.database
      const sessions = await access.openSessions(String(await janeId()))
      expect(sessions.some(({ clientIds }) => clientIds.includes('phone'))).to.equal(true)
      await access.revokeAccount(String(await janeId()))
      const refresh = { grant_type: 'refresh_token', refresh_token: json.refresh_token }
      expect((await rp.send('/token', refresh)).json.error).to.equal('invalid_grant')
      expect((await get(`${app.issuer}/userinfo`, { bearer: json.access_token })).status).to.equal(401)
      const notices = await app.sql.query(
        `select 1 from outbox where kind = 'backchannel-logout' and lane = 'phone'`,
      )
      expect(notices, 'told of it (Back-Channel Logout 1.0)').to.not.deep.equal([])
    })

    it('is recorded as a sign-in', async () => {
      const before = await app.sql.query(`select 1 from audit_events where name = 'user.signed_in'`)
      await phone().signIn(JANE.email, PASSWORD)
      const rows = await app.sql.query<{ client_id: string; detail: unknown }>(
        `select client_id, detail from audit_events where name = 'user.signed_in' order by created_at desc limit 1`,
      )
      const after = await app.sql.query(`select 1 from audit_events where name = 'user.signed_in'`)
      expect(after.length - before.length).to.equal(1)
      expect(rows[0]?.client_id).to.equal('phone')
    })

    describe('is refused', () => {
      it('to clients that the operator did not mark', async () => {
        const api = new FirstPartyApp(app.issuer, 'api', { basic: ['api', RP_SECRET] })
        const uri = await api.push({ redirect_uri: 'http://localhost:9/api' })
        const answer = await api.challenge({ request_uri: uri, username: JANE.email, password: PASSWORD })
        expect([answer.status, answer.json.error]).to.deep.equal([400, 'unauthorized_client'])
      })

      it('to clients that mark themselves, by flag or by grant type', async () => {
        const { initialAccessToken: bearer } = app.secrets
        for (const more of [
          { first_party_challenge: true },
          {
            grant_types: [
              'authorization_code',
              'urn:ostiary:params:oauth:grant-type:authorization-challenge',
            ],
          },
        ]) {
          const body = JSON.stringify({ redirect_uris: [CALLBACK], ...more })
          const answer = await fetch(`${app.issuer}/reg`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
            body,
          })
          expect(answer.status, body).to.equal(400)
          expect(((await answer.json()) as { error: string }).error).to.equal('invalid_client_metadata')
        }
      })

      it('at the token endpoint', async () => {
        const rp = phone()
        const answer = await rp.send('/token', {
          grant_type: 'urn:ostiary:params:oauth:grant-type:authorization-challenge',
          request_uri: await rp.push(),
          username: JANE.email,
          password: PASSWORD,
        })
        expect(answer.json.error).to.equal('unsupported_grant_type')
      })

      it('without a pushed request, and with a response mode that packs the code up', async () => {
        const rp = phone()
        const bare = await rp.challenge({ username: JANE.email, password: PASSWORD, response_type: 'code' })
        expect(bare.json.error).to.equal('invalid_request')
        const made = await rp.challenge({
          request_uri: 'urn:ietf:params:oauth:request_uri:made-up',
          username: JANE.email,
          password: PASSWORD,
        })
        expect(made.json.error).to.equal('invalid_request_uri')
        const posted = await rp.signIn(JANE.email, PASSWORD, { response_mode: 'form_post' })
        expect(posted.json.error).to.equal('invalid_request')
      })

      it('in any other form than a posted one', async () => {
        const url = `${app.issuer}/authorize-challenge`
        const read = await get(url)
        expect([read.status, read.headers.get('allow')]).to.deep.equal([405, 'POST'])
        const headers = { 'content-type': 'application/json' }
        const answer = await fetch(url, { method: 'POST', headers, body: '{"username":"jane"}' })
        expect(answer.status).to.equal(400)
      })
    })
  },
)
