import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose'
import type * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  send,
} from '../support/protocol.ts'
import { begin, publicClient, walk } from '../support/relying-party.ts'

onEveryStack('DPoP (RFC 9449)', { overrides: { clients: [publicClient()] } }, (app) => {
  async function bound() {
    const rp = await discoverPublic(app.issuer)
    const keys = await client.randomDPoPKeyPair('ES256')
    const DPoP = client.getDPoPHandle(rp, keys)
    const started = await begin(rp)
    const { url } = await walk(newAgent(), started.url, JANE)
    const checks = { ...started.checks, idTokenExpected: true }
    const tokens = await client.authorizationCodeGrant(rp, new URL(url), checks, undefined, { DPoP })
    return { rp, keys, DPoP, tokens, sub: String(tokens.claims()?.sub) }
  }

  async function proof(
    keys: oauth.CryptoKeyPair,
    claims: Record<string, unknown>,
    header: Record<string, unknown> = {},
  ) {
    const jwk = await exportJWK(keys.publicKey)
    const payload = { jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims }
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
      .sign(keys.privateKey)
  }
  const ath = (token: string) => createHash('sha256').update(token).digest('base64url')
  const userinfo = (token: string, dpop: string) =>
    get(`${app.issuer}/userinfo`, { headers: { authorization: `DPoP ${token}`, dpop } })

  it('binds access and refresh token of a public client to its key', async () => {
    const { rp, DPoP, tokens, sub } = await bound()
    expect(tokens.token_type).to.equal('dpop')
    const info = await client.fetchUserInfo(rp, tokens.access_token, sub, { DPoP })
    expect(info.email).to.equal(JANE.email)
    const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token), undefined, { DPoP })
    expect(renewed.token_type).to.equal('dpop')
  })

  it('names the key in the answer to introspection (6.2)', async () => {
    const { rp, keys, tokens } = await bound()
    const seen = await client.tokenIntrospection(rp, tokens.access_token)
    const jkt = await calculateJwkThumbprint(await exportJWK(keys.publicKey))
    expect(seen.cnf).to.deep.equal({ jkt })
    expect(seen.token_type).to.equal('DPoP')
  })

  it('makes a stolen token worthless without the key (7.1)', async () => {
    const { rp, tokens } = await bound()
    const asBearer = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })
    expect(asBearer.status).to.equal(401)
    const thief = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    for (const options of [{ DPoP: thief }, {}]) {
      const attempt = client.refreshTokenGrant(rp, String(tokens.refresh_token), undefined, options)
      expect((await refusal(attempt)).error).to.equal('invalid_grant')
    }
    const thiefKeys = await client.randomDPoPKeyPair('ES256')
    const claims = { htm: 'GET', htu: `${app.issuer}/userinfo`, ath: ath(tokens.access_token) }
    expect((await userinfo(tokens.access_token, await proof(thiefKeys, claims))).status).to.equal(401)
  })

  it('refuses proofs for another method, address, token or time, and ones that are no proofs (4.3)', async () => {
    const { keys, tokens } = await bound()
    const token = tokens.access_token
    const good = { htm: 'GET', htu: `${app.issuer}/userinfo`, ath: ath(token) }
    const now = Math.floor(Date.now() / 1000)
    const wrong: Record<string, [Record<string, unknown>, Record<string, unknown>?]> = {
      'another method': [{ ...good, htm: 'POST' }],
      'another address': [{ ...good, htu: `${app.issuer}/token` }],
      'another host': [{ ...good, htu: 'https://evil.example/userinfo' }],
      'another token': [{ ...good, ath: ath('another') }],
      'no token': [{ ...good, ath: undefined }],
      'an hour old': [{ ...good, iat: now - 3600 }],
      'an hour ahead': [{ ...good, iat: now + 3600 }],
      'no jti': [{ ...good, jti: undefined }],
      'another type': [good, { typ: 'JWT' }],
      'no key': [good, { jwk: undefined }],
    }
    for (const [why, [claims, header]] of Object.entries(wrong)) {
      const { status } = await userinfo(token, await proof(keys, claims, header))
      expect(status, why).to.be.oneOf([400, 401])
    }
    expect((await userinfo(token, await proof(keys, good))).status, 'the control').to.equal(200)
  })

  it('takes a proof once, however many bring it at the same moment (11.1)', async () => {
    const { keys, tokens } = await bound()
    const claims = { htm: 'GET', htu: `${app.issuer}/userinfo`, ath: ath(tokens.access_token) }
    const one = await proof(keys, claims)
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => userinfo(tokens.access_token, one)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).to.equal(1)
    expect((await userinfo(tokens.access_token, one)).status).to.be.oneOf([400, 401])
  })

  it('serves all who use a bound refresh token at the moment it is replaced, each with a proof of its own', async () => {
    const { keys, tokens } = await bound()
    const { artifacts } = app.app.storage
    const refresh_token = String(tokens.refresh_token)
    const [day, now] = [24 * 3600, Math.floor(Date.now() / 1000)]
    const late = { iat: now - 25 * day, iiat: now - 25 * day, exp: now + 5 * day }
    const payload = await artifacts.find('RefreshToken', refresh_token)
    await artifacts.upsert('RefreshToken', refresh_token, { ...payload, ...late }, 5 * day)
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const dpop = await proof(keys, { htm: 'POST', htu: `${app.issuer}/token` })
        const form = { grant_type: 'refresh_token', client_id: 'spa', refresh_token }
        return post(`${app.issuer}/token`, form, { headers: { dpop } })
      }),
    )
    expect(answers.map(({ status, json }) => json.error ?? status)).to.deep.equal(Array(5).fill(200))
    const successors = new Set(answers.map(({ json }) => json.refresh_token))
    expect([successors.size, successors.has(refresh_token)]).to.deep.equal([1, false])
  })

  it('refuses a private key in the header, and two proofs', async () => {
    const { keys, tokens } = await bound()
    const claims = { htm: 'GET', htu: `${app.issuer}/userinfo`, ath: ath(tokens.access_token) }
    const other = await client.randomDPoPKeyPair('ES256', { extractable: true })
    const withPrivate = await proof(other, claims, { jwk: await exportJWK(other.privateKey) })
    expect((await userinfo(tokens.access_token, withPrivate)).status).to.be.oneOf([400, 401])
    const two = `${await proof(keys, claims)}, ${await proof(keys, claims)}`
    const answer = await send('GET', `${app.issuer}/userinfo`, undefined, {
      headers: { authorization: `DPoP ${tokens.access_token}`, dpop: two },
    })
    expect(answer.status).to.be.oneOf([400, 401])
  })

  it('binds a code to its key from the very first request (10)', async () => {
    const rp = await discoverPublic(app.issuer)
    const keys = await client.randomDPoPKeyPair('ES256')
    const DPoP = client.getDPoPHandle(rp, keys)
    const dpop_jkt = await DPoP.calculateThumbprint()
    const attempt = async (handle: client.DPoPHandle | undefined) => {
      const started = await begin(rp, { dpop_jkt })
      const { url } = await walk(newAgent(), started.url, JANE)
      const checks = { ...started.checks, idTokenExpected: true }
      const options = handle ? { DPoP: handle } : {}
      return client.authorizationCodeGrant(rp, new URL(url), checks, undefined, options)
    }
    const thief = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    expect((await refusal(attempt(thief))).error).to.be.oneOf(['invalid_grant', 'invalid_dpop_proof'])
    expect((await refusal(attempt(undefined))).error).to.be.oneOf(['invalid_grant', 'invalid_dpop_proof'])
    expect((await attempt(DPoP)).token_type).to.equal('dpop')
  })
})
