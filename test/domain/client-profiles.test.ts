/** What a profile sets and refuses, and what the lint says, on metadata alone. */
import { expect } from 'chai'
import { lint } from '../../src/domain/clients/lint.ts'
import { contradictions, underProfile, withProfile } from '../../src/domain/clients/profile.ts'

const FAPI = {
  profile: 'fapi2',
  redirect_uris: ['https://app.example/cb'],
  jwks_uri: 'https://app.example/jwks',
}

describe('client profiles', () => {
  it('set what was left open, and nothing that was said', () => {
    expect(withProfile(FAPI)).to.include({
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
    })
    expect(withProfile({ ...FAPI, id_token_signed_response_alg: 'PS256' })).to.include({
      id_token_signed_response_alg: 'PS256',
    })
    expect(contradictions({ ...FAPI, id_token_signed_response_alg: 'PS256' })).to.deep.equal([])
    expect(withProfile({ redirect_uris: [] })).to.deep.equal({ redirect_uris: [] })
  })

  it('name every contradiction with its section', () => {
    const wrong = contradictions({
      ...FAPI,
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://localhost/cb'],
      dpop_bound_access_tokens: false,
    })
    expect(wrong.map(({ member }) => member)).to.have.members([
      'token_endpoint_auth_method',
      'redirect_uris',
      'dpop_bound_access_tokens',
    ])
    for (const { reason } of wrong) expect(reason).to.match(/RFC \d+|FAPI 2\.0 .* \d/)
  })

  for (const profile of ['hardened', 'fapi2'])
    it(`${profile} takes a certificate in the place of DPoP and private_key_jwt, and exactly one binding`, () => {
      const bound = { ...FAPI, profile, tls_client_certificate_bound_access_tokens: true }
      for (const token_endpoint_auth_method of ['tls_client_auth', 'self_signed_tls_client_auth']) {
        const metadata = { ...bound, token_endpoint_auth_method }
        expect(contradictions(metadata)).to.deep.equal([])
        expect(withProfile(metadata)).to.include(metadata).and.not.have.property('dpop_bound_access_tokens')
        // Of one that registered itself the profile has the last word: it must not take the certificate away.
        expect(underProfile(metadata)).to.include(metadata).and.not.have.property('dpop_bound_access_tokens')
      }
      const members = (metadata: object) =>
        contradictions({ ...bound, ...metadata }).map(({ member }) => member)
      const method = 'private_key_jwt'
      expect(members({ token_endpoint_auth_method: method })).to.deep.equal([])
      expect(members({ token_endpoint_auth_method: method, dpop_bound_access_tokens: true })).to.deep.equal([
        'dpop_bound_access_tokens',
      ])
      expect(
        members({
          ...{ token_endpoint_auth_method: method, dpop_bound_access_tokens: false },
          tls_client_certificate_bound_access_tokens: false,
        }),
      ).to.deep.equal(['dpop_bound_access_tokens'])
    })

  it('let no fapi2 app take passwords from people, and a hardened one where the operator says so', () => {
    const members = (profile: string) =>
      contradictions({
        ...FAPI,
        profile,
        token_endpoint_auth_method: 'private_key_jwt',
        first_party_challenge: true,
      }).map(({ member }) => member)
    expect(members('fapi2')).to.deep.equal(['first_party_challenge'])
    expect(members('hardened')).to.deep.equal([])
  })

  it('let a machine be hardened, which has no requests to push', () => {
    const machine = {
      profile: 'hardened',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: false,
    }
    expect(contradictions(machine)).to.deep.equal([])
  })
})

describe('the lint of clients', () => {
  const codes = (metadata: object, more: object = {}) =>
    lint({
      metadata: metadata as Record<string, unknown>,
      source: 'configuration',
      firstParty: false,
      status: 'active',
      ...more,
    }).map(({ code }) => code)

  it('has nothing to say about a client that has it all', () => {
    expect(codes({ ...FAPI, backchannel_logout_uri: 'https://app.example/out' })).to.deep.equal([])
  })

  for (const [what, metadata, code] of [
    ['plain http', { redirect_uris: ['http://localhost/cb'] }, 'redirect-plain-http'],
    ['many redirect URIs', { redirect_uris: Array(11).fill('https://a.example/') }, 'redirects-many'],
    [
      'bearer refresh tokens in a browser',
      { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] },
      'public-bearer-refresh',
    ],
    ['a secret in the body', { token_endpoint_auth_method: 'client_secret_post' }, 'secret-in-body'],
    ['a logo of somebody else', { logo_uri: 'https://bank.example/logo.png' }, 'pages-elsewhere'],
    ['a shared secret', {}, 'shared-secret'],
    ['keys written down', { token_endpoint_auth_method: 'private_key_jwt' }, 'keys-pinned'],
    ['requests in addresses', {}, 'requests-in-addresses'],
    ['no word of sign-outs', {}, 'no-backchannel-logout'],
    [
      'tokens that a certificate is not bound to',
      { token_endpoint_auth_method: 'tls_client_auth' },
      'certificate-not-bound',
    ],
    ['a sector that moves with an address', { subject_type: 'pairwise' }, 'sector-by-address'],
    ['a contradiction', { ...FAPI, dpop_bound_access_tokens: false }, 'profile-contradicted'],
  ] as const)
    it(`finds ${what}`, () => {
      expect(codes(metadata)).to.include(code)
    })

  it('finds what the operator said of it', () => {
    expect(codes({ token_endpoint_auth_method: 'none' }, { firstParty: true })).to.include(
      'first-party-public',
    )
    expect(codes({}, { status: 'disabled' })).to.include('disabled')
    expect(codes({ token_endpoint_auth_method: 'private_key_jwt' }, { firstParty: true })).to.include(
      'profile-within-reach',
    )
  })

  it('says the worst first', () => {
    const found = lint({
      metadata: { ...FAPI, dpop_bound_access_tokens: false, redirect_uris: ['http://localhost/cb'] },
      source: 'configuration',
      firstParty: false,
      status: 'disabled',
    }).map(({ severity }) => severity)
    expect([...found].sort((a, b) => rank(a) - rank(b))).to.deep.equal(found)
    expect(found[0]).to.equal('error')
  })

  it('let PKCE go only for confidential clients of the standard profile, and call it weak', () => {
    const reasonOf = (metadata: Record<string, unknown>) =>
      contradictions({ pkce_exempt: true, ...metadata }).find(({ member }) => member === 'pkce_exempt')
        ?.reason
    expect(reasonOf({})).to.equal(undefined)
    expect(reasonOf({ token_endpoint_auth_method: 'none' })).to.include('public client')
    for (const profile of ['hardened', 'fapi2']) expect(reasonOf({ profile })).to.include(profile)
    expect(reasonOf({ pkce_exempt: 'yes' })).to.equal('must be true or false')
    expect(reasonOf({ pkce_exempt: false, profile: 'fapi2' })).to.equal(undefined)
    const weak = lint({
      ...{ metadata: { pkce_exempt: true }, source: 'configuration', firstParty: false, status: 'active' },
    })
    expect(weak.find(({ code }) => code === 'pkce-exempt')?.severity).to.equal('warning')
  })

  const rank = (severity: string) => ['error', 'warning', 'advice'].indexOf(severity)
})
