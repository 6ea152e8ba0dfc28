import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import { get, JANE, newAgent, onEveryStack, post, responseOf, type SendOptions } from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  publicClient,
  RP_SECRET,
  type Started,
  walk,
  webClient,
} from '../support/relying-party.ts'

const OTHER = 'http://localhost:9/other'
const clients = [
  webClient({ redirect_uris: [CALLBACK, OTHER] }),
  webClient({ client_id: 'thief' }),
  publicClient(),
]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const THIEF: SendOptions = { basic: ['thief', RP_SECRET] }

onEveryStack('codes that are refused at the token endpoint', { overrides: { clients } }, (app) => {
  const agent = newAgent()

  async function newCode(id = 'web'): Promise<{ code: string; started: Started }> {
    const started = await begin(await discover(app.issuer, id))
    const { url } = await walk(agent, started.url, JANE)
    return { code: String(responseOf(url).code), started }
  }

  /** The exchange as it should be, with some parameters changed or taken out. */
  function redeem(
    { code, started }: { code: string; started: Started },
    changes: Record<string, string | undefined> = {},
    options: SendOptions = WEB,
  ) {
    const form: Record<string, string | undefined> = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
      ...changes,
    }
    const given = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined)
    return post(`${app.issuer}/token`, Object.fromEntries(given), options)
  }

  const verdict = async (answer: ReturnType<typeof redeem>) => {
    const { status, json } = await answer
    return [status, json.error]
  }
  const INVALID_GRANT = [400, 'invalid_grant']

  it('wants the verifier of this very code (RFC 7636 4.6)', async () => {
    const issued = await newCode()
    const wrong = oauth.generateRandomCodeVerifier()
    expect(await verdict(redeem(issued, { code_verifier: wrong }))).to.deep.equal(INVALID_GRANT)
    expect(await verdict(redeem(issued, { code_verifier: undefined }))).to.deep.equal(INVALID_GRANT)
    const { code_challenge } = Object.fromEntries(issued.started.url.searchParams)
    expect(await verdict(redeem(issued, { code_verifier: code_challenge }))).to.deep.equal(INVALID_GRANT)
    // None of these used the code up: the rightful app still gets its tokens.
    expect((await redeem(issued)).status).to.equal(200)
  })

  it('refuses a verifier for a code that was issued without a challenge (RFC 9700 4.8.2)', async () => {
    const issued = await newCode()
    // No request can bring this about; should a code ever come to be so, it is worth nothing.
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('AuthorizationCode', issued.code)
    const { codeChallenge: _, codeChallengeMethod: __, ...rest } = payload as Record<string, unknown>
    await artifacts.upsert('AuthorizationCode', issued.code, rest, 60)
    expect(await verdict(redeem(issued))).to.deep.equal(INVALID_GRANT)
  })

  it('wants the redirect_uri of the request, letter by letter (RFC 6749 4.1.3)', async () => {
    const issued = await newCode()
    expect(await verdict(redeem(issued, { redirect_uri: OTHER }))).to.deep.equal(INVALID_GRANT)
    expect(await verdict(redeem(issued, { redirect_uri: `${CALLBACK}/` }))).to.deep.equal(INVALID_GRANT)
    expect(await verdict(redeem(issued, { redirect_uri: undefined }))).to.deep.equal([400, 'invalid_request'])
    expect((await redeem(issued)).status).to.equal(200)
  })

  it('wants the client the code was issued to, whoever else comes with it (RFC 6749 4.1.3)', async () => {
    const issued = await newCode()
    expect(await verdict(redeem(issued, {}, THIEF))).to.deep.equal(INVALID_GRANT)
    expect(await verdict(redeem(issued, { client_id: 'spa' }, {}))).to.deep.equal(INVALID_GRANT)
    expect((await redeem(issued)).status, 'the rightful client is not harmed').to.equal(200)
  })

  it('wants the client’s secret, and names the scheme it wants it by (RFC 6749 5.2)', async () => {
    const issued = await newCode()
    const wrong = await redeem(issued, {}, { basic: ['web', 'x'.repeat(40)] })
    expect([wrong.status, wrong.json.error]).to.deep.equal([401, 'invalid_client'])
    expect(wrong.headers.get('www-authenticate')).to.match(/^Basic /)
    const none = await redeem(issued, { client_id: 'web' }, {})
    expect([none.status, none.json.error]).to.deep.equal([401, 'invalid_client'])
    const empty = await redeem(issued, {}, { basic: ['web', ''] })
    expect([empty.status, empty.json.error]).to.deep.equal([400, 'invalid_request'])
    expect((await redeem(issued)).status, 'nothing was used up').to.equal(200)
  })

  it('redeems a code once; the second time everything it brought is revoked (RFC 6749 4.1.2)', async () => {
    const issued = await newCode()
    const first = await redeem(issued)
    const userinfo = () => get(`${app.issuer}/userinfo`, { bearer: first.json.access_token })
    expect((await userinfo()).status).to.equal(200)
    expect(await verdict(redeem(issued))).to.deep.equal(INVALID_GRANT)
    expect((await userinfo()).status).to.equal(401)
    const form = { grant_type: 'refresh_token', refresh_token: first.json.refresh_token }
    expect(await verdict(post(`${app.issuer}/token`, form, WEB))).to.deep.equal(INVALID_GRANT)
  })

  it('does not let a stranger’s replay revoke anything', async () => {
    const issued = await newCode()
    const first = await redeem(issued)
    expect(await verdict(redeem(issued, {}, THIEF))).to.deep.equal(INVALID_GRANT)
    const { status } = await get(`${app.issuer}/userinfo`, { bearer: first.json.access_token })
    expect(status).to.equal(200)
  })

  it('never gives tokens to two of many that redeem a code at the same moment (invariant I1)', async () => {
    for (let round = 0; round < 4; round += 1) {
      const issued = await newCode()
      const answers = await Promise.all(Array.from({ length: 12 }, () => redeem(issued)))
      const won = answers.filter(({ status }) => status === 200)
      // None is right too: a loser that comes late enough is a replay, and revokes what the winner is about to get.
      expect(won.length).to.be.at.most(1)
      expect(answers.filter(({ json }) => json.error === 'invalid_grant').length).to.equal(12 - won.length)
    }
  })

  it('forgets a code after a minute (RFC 6749 4.1.2, RFC 9700 2.1.1)', async () => {
    const issued = await newCode()
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('AuthorizationCode', issued.code)
    expect(Number(payload?.exp) - Number(payload?.iat)).to.equal(60)
    const past = Math.floor(Date.now() / 1000) - 1
    await artifacts.upsert('AuthorizationCode', issued.code, { ...payload, exp: past }, 60)
    expect(await verdict(redeem(issued))).to.deep.equal(INVALID_GRANT)
  })

  it('refuses codes it never made, whatever they hold', async () => {
    const issued = await newCode()
    for (const code of ['x', "' or 1=1 --", 'a'.repeat(4096), '%00', '💥'])
      expect((await redeem({ ...issued, code })).status, code.slice(0, 20)).to.equal(400)
  })
})
