import { expect } from 'chai'
import * as client from 'openid-client'
import { get, newAgent, onEveryStack, post, send, signIn } from '../support/protocol.ts'
import { begin, discover, walk, webClient } from '../support/relying-party.ts'

const ADA = {
  email: 'ada@example.org',
  username: 'ada',
  profile: {
    name: 'Ada King',
    givenName: 'Ada',
    familyName: 'King',
    middleName: 'Augusta',
    nickname: 'Countess',
    profileUrl: 'https://people.example/ada',
    pictureUrl: 'https://people.example/ada.png',
    websiteUrl: 'https://ada.example',
    gender: 'female',
    birthdate: '1815-12-10',
    zoneinfo: 'Europe/London',
    locale: 'en-GB',
    phoneNumber: '+44 20 7946 0000',
    phoneNumberVerified: true,
    address: {
      formatted: '12 St James’s Square\nLondon',
      streetAddress: '12 St James’s Square',
      locality: 'London',
      region: 'England',
      postalCode: 'SW1Y 4JH',
      country: 'UK',
    },
  },
}
const BARE = { email: 'bare@example.org' }

/** OIDC Core 5.4, with the values of 5.1 */
const BY_SCOPE: Record<string, Record<string, unknown>> = {
  profile: {
    name: 'Ada King',
    given_name: 'Ada',
    family_name: 'King',
    middle_name: 'Augusta',
    nickname: 'Countess',
    preferred_username: 'ada',
    profile: 'https://people.example/ada',
    picture: 'https://people.example/ada.png',
    website: 'https://ada.example',
    gender: 'female',
    birthdate: '1815-12-10',
    zoneinfo: 'Europe/London',
    locale: 'en-GB',
  },
  email: { email: ADA.email, email_verified: true },
  phone: { phone_number: '+44 20 7946 0000', phone_number_verified: true },
  address: {
    address: {
      formatted: '12 St James’s Square\nLondon',
      street_address: '12 St James’s Square',
      locality: 'London',
      region: 'England',
      postal_code: 'SW1Y 4JH',
      country: 'UK',
    },
  },
}

const options = { overrides: { clients: [webClient()] }, people: [ADA, BARE] }

onEveryStack('userinfo', options, (app) => {
  const url = () => `${app.issuer}/userinfo`

  async function tokenFor(scope: string, person: { email: string } = ADA, more: Record<string, string> = {}) {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, { scope, ...more }, { person })
    return { rp, sub, token: tokens.access_token, tokens }
  }

  for (const [scope, expected] of Object.entries(BY_SCOPE))
    it(`gives for ${scope} its claims and no others (OIDC Core 5.4)`, async () => {
      const { rp, sub, token } = await tokenFor(`openid ${scope}`)
      const { updated_at, ...info } = await client.fetchUserInfo(rp, token, sub)
      expect(info).to.deep.equal({ sub, ...expected })
      if (scope === 'profile') expect(updated_at).to.be.closeTo(Date.now() / 1000, 60)
      else expect(updated_at).to.equal(undefined)
    })

  it('gives everything for all scopes together', async () => {
    const { rp, sub, token } = await tokenFor('openid profile email address phone')
    const { updated_at: _, ...info } = await client.fetchUserInfo(rp, token, sub)
    expect(info).to.deep.equal({ sub, ...Object.assign({}, ...Object.values(BY_SCOPE)) })
  })

  it('leaves out what is not known of a person: no null, no empty text (OIDC Core 5.3.2)', async () => {
    const { rp, sub, token } = await tokenFor('openid profile email address phone', BARE)
    const info = await client.fetchUserInfo(rp, token, sub)
    expect(Object.keys(info).sort()).to.deep.equal(['email', 'email_verified', 'sub', 'updated_at'])
  })

  it('gives single claims that were asked for by name and allowed (OIDC Core 5.5)', async () => {
    const claims = JSON.stringify({ userinfo: { nickname: null, phone_number: { essential: true } } })
    const { rp, sub, token } = await tokenFor('openid', ADA, { claims })
    const info = await client.fetchUserInfo(rp, token, sub)
    expect(info).to.deep.equal({ sub, nickname: 'Countess', phone_number: '+44 20 7946 0000' })
  })

  it('puts claims into the ID token where they were asked for there (OIDC Core 5.5)', async () => {
    const claims = JSON.stringify({ id_token: { given_name: null } })
    const { tokens } = await tokenFor('openid', ADA, { claims })
    expect(tokens.claims()?.given_name).to.equal('Ada')
  })

  it('takes the token in the header of GET and POST, and in the body of POST (RFC 6750 2.1, 2.2)', async () => {
    const { sub, token } = await tokenFor('openid')
    const answers = [
      await get(url(), { bearer: token }),
      await send('POST', url(), undefined, { bearer: token }),
      await post(url(), { access_token: token }),
    ]
    for (const { status, json, headers } of answers) {
      expect(status).to.equal(200)
      expect(json).to.deep.equal({ sub })
      expect(headers.get('content-type')).to.match(/^application\/json/)
      expect(headers.get('cache-control')).to.equal('no-store')
    }
  })

  it('refuses it in the address, where it would be logged (RFC 9700 4.3.2)', async () => {
    const { token } = await tokenFor('openid')
    for (const method of ['GET', 'POST']) {
      const { status, json } = await send(method, `${url()}?access_token=${token}`, undefined)
      expect(status).to.be.oneOf([400, 401])
      expect(json).to.not.have.property('sub')
    }
  })

  it('refuses a token given in two ways at once (RFC 6750 2)', async () => {
    const { token } = await tokenFor('openid')
    const { status, json } = await post(url(), { access_token: token }, { bearer: token })
    expect([status, json.error]).to.deep.equal([400, 'invalid_request'])
  })

  it('answers an unknown token with a challenge that says so (RFC 6750 3.1)', async () => {
    const { status, headers, json } = await get(url(), { bearer: 'not-one-of-ours' })
    expect([status, json.error]).to.deep.equal([401, 'invalid_token'])
    expect(headers.get('www-authenticate')).to.match(/^Bearer .*error="invalid_token"/)
  })

  it('answers no token at all with a challenge and without an error code (RFC 6750 3.1)', async () => {
    const { status, headers } = await get(url())
    expect(status).to.be.oneOf([400, 401])
    expect(headers.get('www-authenticate')).to.match(/^Bearer /)
  })

  it('refuses ID tokens, refresh tokens and codes in place of an access token', async () => {
    const { tokens } = await tokenFor('openid')
    for (const bearer of [tokens.id_token, tokens.refresh_token])
      expect((await get(url(), { bearer: String(bearer) })).status).to.equal(401)
  })

  it('wants the openid scope (OIDC Core 5.3)', async () => {
    const rp = await discover(app.issuer)
    const started = await begin(rp, { scope: 'email' })
    started.url.searchParams.delete('nonce')
    const { url: callback } = await walk(newAgent(), started.url, ADA)
    const tokens = await client.authorizationCodeGrant(rp, new URL(callback), {
      pkceCodeVerifier: started.checks.pkceCodeVerifier,
      expectedState: started.checks.expectedState,
    })
    expect(tokens.id_token).to.equal(undefined)
    expect(tokens.scope).to.equal('email')
    const { status, headers } = await get(url(), { bearer: tokens.access_token })
    expect(status).to.equal(403)
    expect(headers.get('www-authenticate')).to.include('error="insufficient_scope"')
  })

  it('forgets a token after its ten minutes', async () => {
    const { token } = await tokenFor('openid')
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('AccessToken', token)
    expect(Number(payload?.exp) - Number(payload?.iat)).to.equal(600)
    const past = Math.floor(Date.now() / 1000) - 60
    await artifacts.upsert('AccessToken', token, { ...payload, exp: past }, 60)
    expect((await get(url(), { bearer: token })).status).to.equal(401)
  })
})
