import { expect } from 'chai'
import * as client from 'openid-client'
import { newAgent, onEveryStack, responseOf } from '../support/protocol.ts'
import { begin, CALLBACK, discover, publicClient, webClient } from '../support/relying-party.ts'

const HTTPS = 'https://app.example.org/cb'

const clients = [
  webClient({ redirect_uris: [CALLBACK, 'http://localhost:9/other', HTTPS] }),
  publicClient(),
  webClient({ client_id: 'single', redirect_uris: [HTTPS] }),
]

onEveryStack('authorization requests that are refused', { overrides: { clients } }, (app) => {
  /** An authorization request with some parameters changed, or taken out by `undefined`. */
  async function ask(changes: Record<string, string | undefined>, id = 'web') {
    const rp = await discover(app.issuer, id)
    const { url, checks } = await begin(rp)
    for (const [name, value] of Object.entries(changes))
      if (value === undefined) url.searchParams.delete(name)
      else url.searchParams.set(name, value)
    return { page: await newAgent().get(url.href), checks }
  }

  /** Refused, and the app is told. */
  async function toldTheApp(changes: Record<string, string | undefined>, id?: string) {
    const { page, checks } = await ask(changes, id)
    expect(page.url, page.text.slice(0, 500)).to.match(/^http:\/\/localhost:9\/callback\?/)
    const response = responseOf(page.url)
    expect(response.iss).to.equal(app.issuer)
    expect(response.state).to.equal(checks.expectedState)
    expect(response).to.not.have.property('code')
    return response.error
  }

  /** Refused with a page: nobody is redirected anywhere. */
  async function toldThePerson(changes: Record<string, string | undefined>, id?: string) {
    const { page } = await ask(changes, id)
    expect(page.status, JSON.stringify(changes)).to.equal(400)
    expect(page.headers.get('location'), JSON.stringify(changes)).to.equal(null)
    expect(page.url).to.match(new RegExp(`^${app.issuer}/auth\\?`))
    expect(page.text).to.include('class="view-error"')
    expect(page.headers.get('x-frame-options')).to.equal('DENY')
    return page
  }

  for (const id of ['web', 'spa']) {
    it(`wants a code challenge from ${id} (RFC 9700 2.1.1)`, async () => {
      const none = { code_challenge: undefined, code_challenge_method: undefined }
      expect(await toldTheApp(none, id)).to.equal('invalid_request')
    })

    it(`wants S256 from ${id}, not plain, by name or by omission (RFC 7636 4.2)`, async () => {
      expect(await toldTheApp({ code_challenge_method: 'plain' }, id)).to.equal('invalid_request')
      expect(await toldTheApp({ code_challenge_method: undefined }, id)).to.equal('invalid_request')
      expect(await toldTheApp({ code_challenge: undefined }, id)).to.equal('invalid_request')
    })
  }

  it('wants a challenge that S256 can have made', async () => {
    expect(await toldTheApp({ code_challenge: 'short' })).to.equal('invalid_request')
  })

  it('refuses a client it does not know with a page (RFC 6749 4.1.2.1)', async () => {
    const page = await toldThePerson({ client_id: 'nobody' })
    expect(page.text).to.include('unknown-client')
    await toldThePerson({ client_id: undefined })
  })

  it('refuses a redirect_uri that is absent, even where one is registered alone', async () => {
    await toldThePerson({ redirect_uri: undefined })
    await toldThePerson({ redirect_uri: undefined }, 'single')
  })

  it('never redirects to an address that is not registered letter by letter (RFC 9700 2.1)', async () => {
    const mutations = [
      ...['https://evil.example/', '//evil.example/cb', '\\\\evil.example', 'javascript:alert(1)', ''],
      ...['http://localhost:9/', 'http://localhost:9/callback/', 'http://localhost:9/Callback'],
      ...['http://localhost:9/callback?a=b', 'http://localhost:9/callback#f', 'http://localhost:9/callback?'],
      ...[
        'http://localhost:9/callback/..;/',
        'http://localhost:9/%63allback',
        'http://localhost:9//callback',
      ],
      ...['http://localhost:10/callback', 'http://127.0.0.1:9/callback', 'http://[::1]:9/callback'],
      ...['https://localhost:9/callback', 'HTTP://localhost:9/callback', 'http://LOCALHOST:9/callback'],
      ...['http://localhost:9@evil.example/callback', 'http://user@localhost:9/callback'],
      ...['http://localhost.evil.example:9/callback', 'http://localhost:9.evil.example/callback'],
      ...[
        'http://localhost:9/callback\t',
        ' http://localhost:9/callback',
        'http://localhost:9/callback\r\nX: y',
      ],
      ...['https://app.example.org/cb/', 'https://app.example.org/cb%2f', 'https://app.example.org:443/cb'],
      ...['https://app.example.org:8443/cb', 'https://app.example.org./cb', 'https://app.example.org/./cb'],
      ...['https://аpp.example.org/cb', 'https://app.example.org/cb;x', 'https://app.example.org/x/../cb'],
    ]
    for (const redirect_uri of mutations) await toldThePerson({ redirect_uri })
  })

  it('shows the page even when everything else is wrong too', async () => {
    await toldThePerson({
      redirect_uri: 'https://evil.example/',
      response_type: 'nonsense',
      scope: undefined,
    })
    await toldThePerson({ redirect_uri: 'https://evil.example/', code_challenge: undefined, prompt: 'none' })
  })

  it('refuses parameters given twice (RFC 6749 3.1)', async () => {
    const { url } = await begin(await discover(app.issuer))
    url.searchParams.append('scope', 'openid profile')
    const page = await newAgent().get(url.href)
    expect(responseOf(page.url).error).to.equal('invalid_request')
  })

  it('refuses request objects by reference, and those that nobody signed (OIDC Core 6, RFC 9101 10.2)', async () => {
    expect(await toldTheApp({ request: 'eyJhbGciOiJub25lIn0.e30.' })).to.equal('invalid_request_object')
    expect(await toldTheApp({ request_uri: 'https://evil.example/jwt' })).to.equal(
      'request_uri_not_supported',
    )
  })

  it('tells openid-client which error it was, with iss checked', async () => {
    const rp = await discover(app.issuer)
    const started = await begin(rp, { prompt: 'none' })
    const { url } = await newAgent().get(started.url.href)
    const error = await client
      .authorizationCodeGrant(rp, new URL(url), started.checks)
      .catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(client.AuthorizationResponseError)
    expect((error as client.AuthorizationResponseError).error).to.equal('login_required')
  })
})
