/** Codes, redaction, limits, nearest values: the parts of "explain this failure" that need no running app. */
import { expect } from 'chai'
import { asText, plain } from '../../src/domain/failures/as-text.ts'
import { explain } from '../../src/domain/failures/explain.ts'
import { FAILURE_LIMITS, FailureLimit } from '../../src/domain/failures/limit.ts'
import { differencesOf, editDistance, nearest, nearestUri } from '../../src/domain/failures/nearest.ts'
import { newCode, shownCode, tidyFailureCode } from '../../src/domain/failures/record.ts'
import { jwtFacts, redactedUri, scrub, sentOf } from '../../src/domain/failures/redact.ts'
import { sampleFailure } from '../support/samples.ts'

const KNOWN = {
  issuer: 'https://id.example.org',
  client: undefined,
  clientIds: [],
  scopes: [],
  resources: [],
}

describe('the code of a failure', () => {
  it('has 8 letters that nobody confuses, and is read as people type it', () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64url')
    const letters = new Set(newCode({ token: () => every }))
    expect(letters.size).to.equal(32)
    for (const letter of 'IO01') expect(letters).not.to.include(letter)
    const { code } = sampleFailure()
    expect(code).to.match(/^[2-9A-HJ-NP-Z]{8}$/)
    for (const typed of [code, shownCode(code), ` ${code.toLowerCase()} `])
      expect(tidyFailureCode(typed)).to.equal(code)
    for (const typed of ['', 'ABC', 'ABCD-ABC0', '0f1a7a9e-0f8f-4d0e-9a58-111111111111'])
      expect(tidyFailureCode(typed)).to.equal(undefined)
  })
})

describe('redaction', () => {
  const SECRET = 'very-secret-value-0123456789'

  it('keeps no value of what opens a door, only its length', () => {
    const doors = `code code_verifier code_challenge refresh_token client_secret client_assertion token access_token
      id_token_hint state nonce request request_uri claims login_hint device_code user_code username password`
    for (const name of doors.split(/\s+/)) {
      const sent = sentOf({ [name]: SECRET })
      expect(sent).to.deep.equal({ [name]: `present, ${SECRET.length} characters` })
    }
  })

  it('keeps nothing under names it does not know', () => {
    expect(sentOf({ [SECRET]: 'x', pin: SECRET, api_key: SECRET, __proto__: 'x' })).to.deep.equal({})
  })

  it('takes a secret out of what is kept', () => {
    const sent = sentOf({
      code: SECRET,
      scope: `openid ${SECRET}`,
      redirect_uri: `https://a.example/?x=${SECRET}`,
    })
    expect(JSON.stringify(sent)).not.to.include(SECRET)
    expect(scrub(`cannot read ${SECRET}!`, [SECRET])).to.equal('cannot read [redacted]!')
  })

  it('keeps addresses but for user names, passwords and secrets in the query', () => {
    expect(redactedUri('https://ann:pw@a.example/cb?lang=en&access_token=abc#id_token=def&x=1')).to.equal(
      'https://[redacted]@a.example/cb?lang=en&access_token=[redacted]#id_token=[redacted]&x=1',
    )
    expect(redactedUri('https://a.example/@me')).to.equal('https://a.example/@me')
  })

  it('has a greatest size, whatever is sent', () => {
    const long = 'x'.repeat(50_000)
    const names =
      `client_id redirect_uri scope prompt resource audience ui_locales acr_values grant_type max_age
      redirect_uris grant_types response_types`.split(/\s+/)
    const sent = sentOf(Object.fromEntries(names.map((name) => [name, [long, long, long, long, long, long]])))
    expect(JSON.stringify(sent).length).to.be.below(8_000)
    expect(sentOf({ resource: { deep: long }, scope: { a: 1 } })).to.deep.equal({
      resource: '[object]',
      scope: '[object]',
    })
  })

  it('takes no time for what is made to take long', () => {
    const slow = `https://a.example/?${'code'.repeat(14_000)}`
    const many = Array.from({ length: 10_000 }, (_, n) => `secret${n}`)
    const begun = performance.now()
    sentOf({ redirect_uri: slow, resource: [slow, slow], code: many, scope: slow })
    expect(performance.now() - begun).to.be.below(500)
  })

  it('reads of a JWT what is no secret, and survives what is none', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const jwt = `${part({ alg: 'ES256', kid: 'k' })}.${part({ iss: 'a', aud: ['b', 'c'], iat: 1, email: SECRET, jti: SECRET })}.s`
    expect(jwtFacts(jwt)).to.deep.equal({
      ...{ alg: 'ES256', iss: 'a', aud: 'b c', iat: 1 },
      jti: `present, ${SECRET.length} characters`,
    })
    for (const other of [undefined, 7, '', 'a.b.c', `${part(null)}.${part([])}`, `${part('x')}.x`])
      expect(jwtFacts(other)).to.equal(undefined)
  })
})

describe('the limit of records', () => {
  const at = (seconds: number) => new Date(1_700_000_040_000 + seconds * 1000)

  it('bounds each network, each client and all together, a minute at a time', () => {
    const limit = new FailureLimit({ perNetwork: 2, perClient: 3, inAll: 5 })
    const admit = (ip: string, client?: string, seconds = 0) => limit.admit(at(seconds), ip, client)
    expect([admit('10.0.0.1'), admit('10.0.0.1'), admit('10.0.0.1')]).to.deep.equal([true, true, false])
    expect([admit('10.0.0.2', 'a'), admit('10.0.0.3', 'a'), admit('10.0.0.4', 'a')]).to.deep.equal([
      true,
      true,
      true,
    ])
    expect(admit('10.0.0.5', 'a'), 'client').to.equal(false)
    expect(admit('10.0.0.6'), 'in all').to.equal(false)
    expect(limit.takeDropped()).to.equal(3)
    expect(limit.takeDropped()).to.equal(0)
    expect(admit('10.0.0.1', 'a', 60)).to.equal(true)
  })

  it('counts one host of IPv6 once, whatever address of its network it takes', () => {
    const limit = new FailureLimit(FAILURE_LIMITS)
    const kept = Array.from({ length: 50 }, (_, n) => limit.admit(at(0), `2001:db8::${n}`, undefined))
    expect(kept.filter(Boolean)).to.have.length(FAILURE_LIMITS.perNetwork)
  })
})

describe('the nearest value', () => {
  it('is the one with the fewest changed letters, if it is alike at all', () => {
    expect(editDistance('kitten', 'sitting')).to.equal(3)
    expect(editDistance('wbe', 'web')).to.equal(1)
    expect(nearest('profil', ['openid', 'profile', 'email'])).to.equal('profile')
    expect(nearest('OPENID', ['openid'])).to.equal('openid')
    expect(nearest('payments', ['openid', 'profile', 'email'])).to.equal(undefined)
    expect(nearest('', [])).to.equal(undefined)
  })

  const REGISTERED = 'https://app.example.org/callback'
  const differences: [string, string[]][] = [
    [REGISTERED, []],
    [`${REGISTERED}/`, ['has a slash at the end']],
    [` ${REGISTERED}`, ['has white space around it']],
    ['http://app.example.org/callback', ['begins with http:// instead of https://']],
    ['https://app.example.org:8443/callback', ['has port 8443 instead of no port']],
    ['https://app.example.org/Callback', ['differs in upper and lower case']],
    ['https://app.example.org/callback/oidc', ['goes on with "oidc" after the registered path']],
    ['https://app.example.org/cb', ['has the path /cb instead of /callback']],
    ['https://www.example.org/callback', ['names the host www.example.org instead of app.example.org']],
    ['https://app.example.org/callback?a=b', ['has a query']],
    ['https://app.example.org/callback#a', ['has a fragment']],
    ['https://app.example.org:443/callback', ['is written in another way (case, port or percent-encoding)']],
    ['/callback', ['is not an absolute address']],
    [
      'http://app.example.org/callback/',
      ['begins with http:// instead of https://', 'has a slash at the end of the path'],
    ],
  ]
  for (const [sent, expected] of differences)
    it(`says of ${sent}: ${expected.join(', ') || 'nothing'}`, () => {
      expect(differencesOf(sent, REGISTERED)).to.deep.equal(expected)
    })

  it('tells localhost and its addresses apart', () => {
    expect(differencesOf('http://127.0.0.1:8080/cb', 'http://localhost:8080/cb')[0]).to.match(/two names/)
  })

  it('is the address with the fewest differing parts', () => {
    const registered = [
      'https://other.example/callback',
      'https://app.example.org/callback',
      'https://app.example.org/x',
    ]
    expect(nearestUri('http://app.example.org/callback', registered)).to.equal(registered[1])
    expect(nearestUri('https://app.example.org/y', registered)).to.equal(registered[2])
    expect(nearestUri('x', [])).to.equal(undefined)
  })
})

describe('an explanation on a terminal', () => {
  it('shows all of it, and obeys nothing that was sent', () => {
    const failure = sampleFailure({
      clientId: 'a\u001b[2Jb',
      sent: { redirect_uri: 'https://x.example/\u202egnp\u009b31m\r\nfake line', 'k\u0007': 'v' },
      error: 'invalid_redirect_uri',
      endpoint: 'authorization',
    })
    const text = asText(failure, explain(failure, KNOWN))
    expect(text).to.include(shownCode(failure.code)).and.to.include(failure.requestId)
    expect(text).to.include('a\\u001b[2Jb').and.to.include('\\u202egnp\\u009b31m\\u000d\\u000afake line')
    expect(text.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Cf}]/u)
    expect(plain('tab\there')).to.equal('tab\\u0009here')
  })
})
