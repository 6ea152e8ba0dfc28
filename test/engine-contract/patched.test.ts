/** Members of the engine that ours stand before or call although its types do not name them: it still goes through them. */
import { expect } from 'chai'
import { type DocumentHost, startDocumentHost } from '../support/document-host.ts'
import { createPerson } from '../support/people.ts'
import { get, JANE, newAgent, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('the engine goes through', () => {
  let running: RunningApp
  let app: DocumentHost
  // biome-ignore lint/suspicious/noExplicitAny: what its types do not tell is what is looked at
  let provider: any
  before(async () => {
    app = await startDocumentHost(CALLBACK)
    running = await startApp({
      settings: { OUTBOUND_ALLOW: app.origin },
      overrides: { clients: [webClient()] },
    })
    provider = running.app.engine.provider
    await createPerson(running, JANE)
  })
  after(async () => {
    await running?.close()
    await app?.close()
  })

  /** Puts something else in a member's place while `work` runs. */
  async function instead(
    owner: Record<string, unknown>,
    name: string,
    other: unknown,
    work: () => Promise<void>,
  ) {
    const original = owner[name]
    owner[name] = other
    try {
      await work()
    } finally {
      owner[name] = original
    }
  }

  it('IdToken.validate for every hint, with the client it is of (id-token-hints.ts)', async () => {
    const seen: unknown[] = []
    const validate = (jwt: string, client: { clientId: string }) => {
      seen.push([jwt, client.clientId])
      return Promise.reject(new Error('not now'))
    }
    const hint = `${part({ alg: 'RS256' })}.${part({ aud: 'web', iss: running.issuer })}.c2ln`
    await instead(provider.IdToken, 'validate', validate, async () => {
      const { url } = await begin(await discover(running.issuer), { id_token_hint: hint, prompt: 'none' })
      await newAgent().get(url.href)
      await get(`${running.issuer}/session/end?id_token_hint=${hint}`)
    })
    expect(seen).to.deep.equal([
      [hint, 'web'],
      [hint, 'web'],
    ])
  })

  it('Client.prototype.includeSid, which decides about sid in ID tokens (frontchannel.ts)', async () => {
    const rp = await discover(running.issuer)
    expect((await signIn(rp)).tokens.claims()).to.not.have.property('sid')
    await instead(
      provider.Client.prototype,
      'includeSid',
      () => true,
      async () => {
        expect((await signIn(rp)).tokens.claims()?.sid).to.be.a('string')
      },
    )
  })

  it('Client.prototype.backchannelPing, which tells an app at the address it registered (ciba-ping.ts)', async () => {
    const { backchannelPing } = provider.Client.prototype
    expect(backchannelPing).to.be.a('function').with.property('length', 1)
    const request = {
      ...{ kind: 'BackchannelAuthenticationRequest', jti: 'the-request' },
      params: { client_notification_token: 'theirs' },
    }
    const client = {
      backchannelClientNotificationEndpoint: `${app.origin}/ping`,
      backchannelTokenDeliveryMode: 'ping',
    }
    let told: unknown
    app.pages.set('/ping', async (incoming, answer) => {
      let body = ''
      for await (const chunk of incoming) body += chunk
      told = [incoming.method, incoming.headers.authorization, JSON.parse(body)]
      answer.writeHead(204).end()
    })
    await backchannelPing.call(client, request)
    expect(told).to.deep.equal(['POST', 'Bearer theirs', { auth_req_id: 'the-request' }])
  })

  it('Client.needsSecret, by which registration makes a secret or none (registration-policy.ts)', () => {
    const needs = (more: object) =>
      provider.Client.needsSecret({ token_endpoint_auth_method: 'none', ...more }) as boolean
    expect(needs({})).to.equal(false)
    expect(needs({ token_endpoint_auth_method: 'client_secret_basic' })).to.equal(true)
    expect(needs({ token_endpoint_auth_method: 'client_secret_post' })).to.equal(true)
    expect(needs({ token_endpoint_auth_method: 'private_key_jwt' })).to.equal(false)
    expect(needs({ token_endpoint_auth_method: 'tls_client_auth' })).to.equal(false)
    expect(needs({ id_token_signed_response_alg: 'HS256' })).to.equal(true)
  })

  it('ResourceServer, made of an address and what is known of it (exchange/handler.ts)', () => {
    const known = {
      ...{
        audience: 'https://api.example',
        scope: 'read write',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 60,
      },
      jwt: { sign: { alg: 'ES256' } },
    }
    const server = new provider.ResourceServer('https://api.example/asked', known)
    expect(server.identifier()).to.equal('https://api.example/asked')
    expect([...server.scopes]).to.deep.equal(['read', 'write'])
    expect(server).to.deep.include(known)
  })
})
