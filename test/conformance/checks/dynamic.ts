/** Registration by the app itself (OpenID Connect Registration 1.0, RFC 7591) and what follows from it. */
import { expect } from 'chai'
import { exportJWK, generateKeyPair } from 'jose'
import { check } from '../harness/check.ts'
import { accepts, errs, header, json, mutation, page, refuses } from '../harness/mutations.ts'
import type { Answer, Op } from '../harness/op.ts'
import { CALLBACK, type Party } from '../harness/parties.ts'
import { INITIAL_ACCESS_TOKEN } from '../harness/world.ts'

type Metadata = Record<string, unknown>

export const register = (op: Op, metadata: Metadata = {}): Promise<Answer> =>
  op.json('POST', '/reg', { redirect_uris: [CALLBACK], ...metadata }, { bearer: INITIAL_ACCESS_TOKEN })

/** A registered app, as a party that can sign people in. */
async function newParty(
  op: Op,
  metadata: Metadata = {},
  more: Partial<Party> = {},
): Promise<Party & { answer: Answer }> {
  const answer = await register(op, metadata)
  expect(answer.status, answer.text).to.equal(201)
  const { client_id: id, client_secret: secret } = answer.json
  return { id, secret, redirectUri: CALLBACK, auth: 'basic', ...more, answer }
}

const refused = ({ status, json: body }: Answer, ...errors: string[]) => {
  expect(status, JSON.stringify(body)).to.equal(400)
  expect(body.error).to.be.oneOf(errors)
  expect(body).to.not.have.property('client_id')
}
const metadataRefused = (answer: Answer) => refused(answer, 'invalid_client_metadata', 'invalid_redirect_uri')
const manage = (
  op: Op,
  method: string,
  { answer }: { answer: Answer },
  body?: unknown,
  token = answer.json.registration_access_token,
) =>
  op.send(
    method,
    answer.json.registration_client_uri,
    body === undefined ? undefined : JSON.stringify(body),
    { bearer: token },
  )

async function newKey() {
  const pair = await generateKeyPair('ES256', { extractable: true })
  return { key: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), alg: 'ES256', use: 'sig' } }
}

export const dynamic = [
  check(
    'dynamic-register',
    'RFC 7591, 3.2.1',
    'registers an app and answers 201 with an id and a secret',
    async (op) => {
      const { status, json: body } = await register(op)
      expect(status).to.equal(201)
      expect(body.client_id)
        .to.be.a('string')
        .that.matches(/^[\x21-\x7e]+$/)
      expect(body.client_secret)
        .to.be.a('string')
        .that.matches(/^[\w-]{40,}$/)
    },
    refuses('/reg'),
    json('/reg', 'gives no secret', (body) => delete body.client_secret),
  ),
  check(
    'dynamic-secret-expiry',
    'RFC 7591, 3.2.1',
    'says until when the secret is good, as it must where there is one',
    async (op) => expect((await register(op)).json.client_secret_expires_at).to.be.a('number'),
    json('/reg', 'does not say', (body) => delete body.client_secret_expires_at),
  ),
  check(
    'dynamic-issued-at',
    'RFC 7591, 3.2.1',
    'says when it gave the id',
    async (op) => expect((await register(op)).json.client_id_issued_at).to.be.closeTo(Date.now() / 1000, 15),
    json('/reg', 'says long ago', (body) => Object.assign(body, { client_id_issued_at: 1 })),
  ),
  check(
    'dynamic-echo',
    'RFC 7591, 3.2.1',
    'answers with everything that was registered, defaults too',
    async (op) => {
      const contacts = ['ops@app.example']
      const { json: body } = await register(op, { client_name: 'Echo', contacts })
      expect([body.client_name, body.contacts, body.redirect_uris]).to.deep.equal([
        'Echo',
        contacts,
        [CALLBACK],
      ])
      expect([body.response_types, body.grant_types]).to.deep.equal([['code'], ['authorization_code']])
    },
    json('/reg', 'leaves contacts out', (body) => delete body.contacts),
    json('/reg', 'leaves the defaults out', (body) => delete body.grant_types),
  ),
  check(
    'dynamic-no-store',
    'RFC 7591, 3.2.1',
    'lets nobody keep the answer with the secret',
    async (op) => expect((await register(op)).headers.get('cache-control')).to.include('no-store'),
    header('/reg', 'cache-control', 'private'),
  ),
  check(
    'dynamic-unique',
    'RFC 7591, 3.2.1',
    'gives each app an id and a secret of its own',
    async (op) => {
      const [one, two] = [await register(op), await register(op)]
      expect(one.json.client_id).to.not.equal(two.json.client_id)
      expect(one.json.client_secret).to.not.equal(two.json.client_secret)
    },
    json('/reg', 'gives all one id', (body) => Object.assign(body, { client_id: 'one' })),
    json('/reg', 'gives all one secret', (body) => Object.assign(body, { client_secret: 's'.repeat(43) })),
  ),
  check(
    'dynamic-own-id',
    'RFC 7591, 2',
    'lets no app choose its id',
    async (op) => expect((await register(op, { client_id: 'web' })).json.client_id).to.not.equal('web'),
    json('/reg', 'lets it choose', (body) => Object.assign(body, { client_id: 'web' })),
  ),
  check(
    'dynamic-protected',
    'RFC 7591, 3',
    'registers nobody without the initial access token',
    async (op) => {
      const { status, headers } = await op.json('POST', '/reg', { redirect_uris: [CALLBACK] })
      expect(status).to.be.oneOf([400, 401])
      expect(headers.get('www-authenticate')).to.match(/^Bearer /)
    },
    accepts('/reg'),
  ),
  check(
    'dynamic-wrong-token',
    'RFC 6750, 3.1',
    'registers nobody with another token',
    async (op) => {
      const { status, json: body } = await op.json(
        'POST',
        '/reg',
        { redirect_uris: [CALLBACK] },
        { bearer: 'wrong' },
      )
      expect([status, body.error]).to.deep.equal([401, 'invalid_token'])
    },
    accepts('/reg'),
    errs('invalid_token'),
  ),
  check(
    'dynamic-signs-in',
    'OpenID Connect Registration 1.0, 3.2',
    'takes the app at once: a person signs in to it',
    async (op) => {
      const party = await newParty(op)
      expect((await op.signIn(party)).claims.aud).to.equal(party.id)
    },
    refuses('/token', 'invalid_client'),
  ),
  check(
    'dynamic-consent',
    'OpenID Connect Core 1.0, 3.1.2.4',
    'asks the person before it tells a newly registered app anything, under the app’s name',
    async (op) => {
      const { page } = await op.ask(await newParty(op, { client_name: 'Newcomer' }), {}, op.signedInBrowser())
      expect(page.text).to.include('class="view-consent"').and.to.include('Newcomer')
    },
    page('hides the name', (html) => html.replaceAll('Newcomer', 'an app')),
  ),
  check(
    'dynamic-public',
    'RFC 7591, 2',
    'gives no secret to an app that says it can keep none',
    async (op) => {
      const { json: body } = await register(op, { token_endpoint_auth_method: 'none' })
      expect(body.token_endpoint_auth_method).to.equal('none')
      expect(body).to.not.have.property('client_secret')
    },
    json('/reg', 'gives one', (body) => Object.assign(body, { client_secret: 'secret' })),
  ),
  check(
    'dynamic-jwks',
    'OpenID Connect Registration 1.0, 2',
    'takes the proofs of an app that registered its key by value',
    async (op) => {
      const { key, jwk } = await newKey()
      const metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
      const party = await newParty(op, metadata, { auth: 'key', key, alg: 'ES256' })
      // No kid was registered, so none is named.
      const proof = op.asserted(party.id, await op.assertion(party, {}, { kid: undefined }))
      expect((await op.post('/introspect', { ...proof, token: 'x' })).json).to.deep.equal({ active: false })
    },
    refuses('/introspect', 'invalid_client'),
  ),
  check(
    'dynamic-jwks-uri',
    'OpenID Connect Registration 1.0, 2',
    'fetches the keys of an app that registered their address',
    async (op) => {
      const { key, jwk } = await newKey()
      const path = `/keys/${crypto.randomUUID()}`
      op.world.served.documents.set(path, { keys: [{ ...jwk, kid: 'one' }] })
      const metadata = {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: op.world.served.origin + path,
      }
      const party = await newParty(op, metadata, { auth: 'key', key, alg: 'ES256' })
      const proof = op.asserted(party.id, await op.assertion(party, {}, { kid: 'one' }))
      expect((await op.post('/introspect', { ...proof, token: 'x' })).json).to.deep.equal({ active: false })
      expect(op.world.served.hits).to.include(path)
    },
    refuses('/introspect', 'invalid_client'),
  ),
  check(
    'dynamic-jwks-and-uri',
    'RFC 7591, 2',
    'takes keys by value or by address, not both',
    async (op) => {
      const { jwk } = await newKey()
      metadataRefused(
        await register(op, { jwks: { keys: [jwk] }, jwks_uri: `${op.world.served.origin}/keys` }),
      )
    },
    accepts('/reg'),
  ),
  check(
    'dynamic-private-jwks',
    'RFC 7591, 2',
    'takes no private keys',
    async (op) => {
      const { privateKey } = await generateKeyPair('ES256', { extractable: true })
      metadataRefused(await register(op, { jwks: { keys: [await exportJWK(privateKey)] } }))
    },
    accepts('/reg'),
  ),
  check(
    'dynamic-no-redirect',
    'RFC 7591, 2',
    'registers no app of the code flow without an address',
    async (op) => metadataRefused(await register(op, { redirect_uris: undefined })),
    accepts('/reg'),
  ),
  check(
    'dynamic-redirect-fragment',
    'RFC 6749, 3.1.2',
    'takes no address with a fragment, and says which member is wrong',
    async (op) =>
      refused(await register(op, { redirect_uris: ['https://app.example/cb#x'] }), 'invalid_redirect_uri'),
    accepts('/reg'),
    errs('invalid_redirect_uri'),
  ),
  check(
    'dynamic-redirect-http',
    'OpenID Connect Registration 1.0, 2',
    'takes no plain http address away from this machine',
    async (op) => metadataRefused(await register(op, { redirect_uris: ['http://app.example/cb'] })),
    accepts('/reg'),
  ),
  check(
    'dynamic-redirect-script',
    'RFC 9700, 4.1.3',
    'takes no address that a browser would run',
    async (op) => metadataRefused(await register(op, { redirect_uris: ['javascript:alert(1)'] })),
    accepts('/reg'),
  ),
  check(
    'dynamic-redirect-wildcard',
    'RFC 9700, 4.1.3',
    'reads an asterisk in an address as an asterisk: it matches nothing else',
    async (op) => {
      const answer = await register(op, { redirect_uris: ['https://app.example/*'] })
      if (answer.status === 201) {
        const asked = { client_id: answer.json.client_id, redirect_uri: 'https://app.example/cb' }
        const first = await op.firstAnswer(
          { id: asked.client_id, redirectUri: CALLBACK, auth: 'none' },
          asked,
        )
        expect(first.headers.get('location')).to.equal(null)
      } else metadataRefused(answer)
    },
    accepts('/auth'),
  ),
  check(
    'dynamic-alg-none',
    'RFC 8725, 3.1',
    'registers no app that wants unsigned ID tokens',
    async (op) =>
      refused(await register(op, { id_token_signed_response_alg: 'none' }), 'invalid_client_metadata'),
    accepts('/reg'),
    errs('invalid_client_metadata'),
  ),
  check(
    'dynamic-id-token-alg',
    'OpenID Connect Registration 1.0, 2',
    'signs ID tokens as the app registered',
    async (op) => {
      const party = await newParty(op, { id_token_signed_response_alg: 'ES256' })
      expect((await op.signIn(party)).header.alg).to.equal('ES256')
    },
    refuses('/auth'),
    mutation('signs them otherwise', (exchange) => {
      const head = Buffer.from(JSON.stringify({ alg: 'RS256' })).toString('base64url')
      if (exchange.url.pathname === '/token')
        exchange.text = exchange.text.replace(/("id_token":")[^".]+/, `$1${head}`)
    }),
  ),
  check(
    'dynamic-implicit',
    'RFC 9700, 2.1.2',
    'registers no app for response types that put tokens into addresses',
    async (op) =>
      metadataRefused(await register(op, { response_types: ['id_token token'], grant_types: ['implicit'] })),
    accepts('/reg'),
  ),
  check(
    'dynamic-operator-members',
    'RFC 7591, 5',
    'lets no app say of itself what only the operator may say',
    async (op) => metadataRefused(await register(op, { first_party: true })),
    accepts('/reg'),
  ),
  check(
    'dynamic-uris-script',
    'RFC 7591, 5',
    'takes no logo, policy or terms from addresses that are not https',
    async (op) => metadataRefused(await register(op, { policy_uri: 'javascript:alert(1)' })),
    accepts('/reg'),
  ),
  check(
    'dynamic-read',
    'RFC 7592, 2.1',
    'shows the app its record under the address and the token it was given',
    async (op) => {
      const party = await newParty(op, { client_name: 'Read me' })
      const { status, json: body } = await manage(op, 'GET', party)
      expect([status, body.client_id, body.client_name]).to.deep.equal([200, party.id, 'Read me'])
    },
    json(
      '/reg',
      'shows another',
      (body, { method }) => method === 'GET' && Object.assign(body, { client_id: 'web' }),
    ),
  ),
  check(
    'dynamic-read-other',
    'RFC 7592, 2.1',
    'shows it to nobody with another app’s token',
    async (op) => {
      const [one, two] = [await newParty(op), await newParty(op)]
      expect(
        (await manage(op, 'GET', one, undefined, two.answer.json.registration_access_token)).status,
      ).to.be.oneOf([401, 403])
    },
    accepts('/reg'),
  ),
  check(
    'dynamic-update',
    'RFC 7592, 2.2',
    'changes the record as the app says',
    async (op) => {
      const party = await newParty(op)
      const change = { client_id: party.id, redirect_uris: [CALLBACK], client_name: 'After' }
      const { status, json: body } = await manage(op, 'PUT', party, change)
      expect([status, body.client_name]).to.deep.equal([200, 'After'])
    },
    json('/reg', 'changes nothing', (body) => Object.assign(body, { client_name: 'Before' })),
  ),
  check(
    'dynamic-update-other-id',
    'RFC 7592, 2.2',
    'changes no record into that of another app',
    async (op) => {
      const party = await newParty(op)
      const { status } = await manage(op, 'PUT', party, { client_id: 'web', redirect_uris: [CALLBACK] })
      expect(status).to.equal(400)
    },
    accepts('/reg'),
  ),
  check(
    'dynamic-delete',
    'RFC 7592, 2.3',
    'forgets the app: it signs nobody in any more',
    async (op) => {
      const party = await newParty(op)
      expect((await manage(op, 'DELETE', party)).status).to.equal(204)
      const first = await op.firstAnswer(party)
      expect([first.status, first.headers.get('location')]).to.deep.equal([400, null])
    },
    accepts('/auth'),
  ),
]
