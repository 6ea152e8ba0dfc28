/** Confidential clients that an operator let go without PKCE (RFC 9700 2.1.1), and all who must not. */
import { expect } from 'chai'
import * as client from 'openid-client'
import { JANE, newAgent, onEveryStack, post, responseOf, sendJson } from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'

const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const clients = [webClient({ client_id: 'old', pkce_exempt: true }), webClient()]
const settings = { INITIAL_ACCESS_TOKEN: REGISTER }

onEveryStack('a client that is exempt from PKCE', { settings, overrides: { clients } }, (app) => {
  const rp = (id = 'old') => discover(app.issuer, id)
  const WITHOUT = { code_challenge: undefined, code_challenge_method: undefined }

  /** Where the request leads; parameters that are undefined are left out. */
  async function ask(changes: Record<string, string | undefined>, id = 'old') {
    const { url, checks } = await begin(await rp(id))
    for (const [name, value] of Object.entries({ ...WITHOUT, ...changes }))
      if (value === undefined) url.searchParams.delete(name)
      else url.searchParams.set(name, value)
    const { url: callback } = await walk(newAgent(), url, JANE)
    return { callback, checks, answer: responseOf(callback) }
  }
  const redeem = (code: string | undefined, more: Record<string, string> = {}) =>
    post(
      `${app.issuer}/token`,
      { grant_type: 'authorization_code', code: String(code), redirect_uri: CALLBACK, ...more },
      { basic: ['old', RP_SECRET] },
    )

  it('signs people in with a nonce instead', async () => {
    const { callback, checks } = await ask({})
    const { expectedNonce, expectedState } = checks
    const tokens = await client.authorizationCodeGrant(await rp(), new URL(callback), {
      ...{ expectedNonce, expectedState, idTokenExpected: true },
    })
    expect(tokens.claims()?.nonce).to.equal(expectedNonce)
  })

  it('finds out by the nonce that a code was somebody else’s', async () => {
    const [mine, stolen] = [await ask({}), await ask({})]
    const url = new URL(mine.callback)
    url.searchParams.set('code', String(stolen.answer.code))
    const { expectedNonce, expectedState } = mine.checks
    const attempt = client.authorizationCodeGrant(await rp(), url, { expectedNonce, expectedState })
    expect(await attempt.catch((error: Error) => error)).to.be.instanceOf(Error)
  })

  for (const [what, changes] of [
    ['without a nonce', { nonce: undefined }],
    ['with an empty nonce', { nonce: '' }],
    ['where there is no ID token to hold the nonce', { scope: 'email' }],
  ] as const)
    it(`is refused ${what}`, async () => {
      const { answer } = await ask(changes)
      expect(answer.error).to.equal('invalid_request')
      expect(answer).to.not.have.property('code')
    })

  it('is held to PKCE where it begins with it: no code without its verifier (RFC 7636 4.6)', async () => {
    const verifier = client.randomPKCECodeVerifier()
    const challenge = await client.calculatePKCECodeChallenge(verifier)
    const withPkce = { code_challenge: challenge, code_challenge_method: 'S256' }
    for (const more of [{}, { code_verifier: client.randomPKCECodeVerifier() }] as Record<string, string>[]) {
      const { answer } = await ask(withPkce)
      expect((await redeem(answer.code, more)).json.error).to.equal('invalid_grant')
    }
    const { answer } = await ask(withPkce)
    expect((await redeem(answer.code, { code_verifier: verifier })).status).to.equal(200)
    expect((await ask({ ...withPkce, code_challenge_method: 'plain' })).answer.error).to.equal(
      'invalid_request',
    )
  })

  it('gets nothing for a verifier whose challenge was taken out of the request (RFC 9700 4.8.2)', async () => {
    const { answer } = await ask({})
    const { json } = await redeem(answer.code, { code_verifier: client.randomPKCECodeVerifier() })
    expect(json.error).to.equal('invalid_grant')
  })

  it('is an exception: another one is asked for PKCE, nonce or not', async () => {
    expect((await ask({}, 'web')).answer.error).to.equal('invalid_request')
  })

  it('may push its request as well (RFC 9126), by the same rule', async () => {
    const parameters = { client_id: 'old', response_type: 'code', redirect_uri: CALLBACK, scope: 'openid' }
    const push = (more: object) =>
      post(`${app.issuer}/par`, { ...parameters, ...more }, { basic: ['old', RP_SECRET] })
    expect((await push({ nonce: 'a-nonce-of-the-client' })).status).to.equal(201)
    expect((await push({})).json.error).to.equal('invalid_request')
  })

  it('is never made by registration', async () => {
    const { status, json } = await sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [CALLBACK], pkce_exempt: true },
      { bearer: REGISTER },
    )
    expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
  })

  it('keeps the exemption that an operator gave it when it registers anew (RFC 7592 2.2)', async () => {
    const { json } = await sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [CALLBACK] },
      { bearer: REGISTER },
    )
    const { client_id: id, client_secret, registration_access_token: bearer } = json
    await app.sql.query(`update clients set metadata = metadata || '{"pkce_exempt": true}' where id = $1`, [
      id,
    ])
    const change = { client_id: id, client_secret, redirect_uris: [CALLBACK], client_name: 'Renamed' }
    const answer = await sendJson('PUT', `${app.issuer}/reg/${id}`, change, { bearer })
    expect(answer.status).to.equal(200)
    expect(answer.json).to.not.have.property('pkce_exempt')
    const [row] = await app.sql.query('select metadata from clients where id = $1', [id])
    expect(row?.metadata).to.include({ pkce_exempt: true, client_name: 'Renamed' })
  })
})

describe('an exemption from PKCE', () => {
  const started = (declared: ReturnType<typeof webClient>) =>
    startApp({ overrides: { clients: [declared] } }).then(
      (app) => app.close(),
      (error: Error) => error.message,
    )
  for (const [what, declared] of [
    ['public', publicClient({ pkce_exempt: true })],
    ['hardened', publicClient({ pkce_exempt: true, profile: 'hardened' })],
    ['fapi2', webClient({ pkce_exempt: true, profile: 'fapi2' })],
  ] as const)
    it(`stops the start for a ${what} client`, async () => {
      expect(await started(declared))
        .to.include(declared.client_id)
        .and.to.include('pkce_exempt')
    })
})
