/** Parameters that ask for something without insisting on it (OpenID Connect Core 3.1.2.1, 5.2): taken, never in the way. */
import { expect } from 'chai'
import { get, onEveryStack, post, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'

onEveryStack('hints of an authorization request', { overrides: { clients: [webClient()] } }, (app) => {
  const HINTS: [name: string, value: string][] = [
    ['display', 'page'],
    ['display', 'popup'],
    ['display', 'touch'],
    ['ui_locales', 'de-CH de en'],
    ['ui_locales', 'tlh'],
    ['claims_locales', 'fr en'],
    ['acr_values', 'urn:made-up 1 2'],
    ['login_hint', 'somebody@example.org'],
    ['a_parameter_that_nobody_knows', 'x'],
  ]
  for (const [name, value] of HINTS)
    it(`${name}=${value} leads to tokens like any other request`, async () => {
      const { tokens } = await signIn(await discover(app.issuer), { [name]: value })
      expect(tokens.claims()?.sub).to.match(/^usr_/)
    })

  it('acr_values is answered with the level that was reached (3.1.2.1)', async () => {
    const { tokens } = await signIn(await discover(app.issuer), {
      acr_values: 'urn:made-up urn:ostiary:acr:password',
    })
    expect(tokens.claims()?.acr).to.equal('urn:ostiary:acr:password')
  })

  it('without ui_locales pages are in English and say so, errors too', async () => {
    for (const path of ['/auth?client_id=web', '/auth?client_id=nobody', '/nowhere']) {
      const { text } = await get(app.issuer + path, {
        headers: { accept: 'text/html', 'accept-language': 'de' },
      })
      expect(text, path).to.include('<html lang="en"')
    }
  })

  it('userinfo takes the token in the body of a POST (5.3.1, RFC 6750 2.2), and never in the address', async () => {
    const { tokens, sub } = await signIn(await discover(app.issuer))
    const access_token = tokens.access_token
    const { status, json } = await post(`${app.issuer}/userinfo`, { access_token })
    expect([status, json.sub]).to.deep.equal([200, sub])
    expect((await get(`${app.issuer}/userinfo?access_token=${access_token}`)).status).to.equal(400)
  })
})
