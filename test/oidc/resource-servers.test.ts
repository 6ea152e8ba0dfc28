/** APIs as an operator manages them while everything runs, seen from the apps that ask for their tokens. */
import { expect } from 'chai'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { DEFAULTS } from '../../src/domain/resources/resource-server.ts'
import {
  type Answer,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  responseOf,
  signIn,
} from '../support/protocol.ts'
import { begin, discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { sampleResourceServer } from '../support/samples.ts'

const DECLARED = 'https://declared.example'
const machine = (id: string) =>
  webClient({ client_id: id, grant_types: ['client_credentials'], response_types: [], redirect_uris: [] })
const settings = {
  SIGNING_ALGORITHMS: 'ES256,RS256,PS256,EdDSA',
  RESOURCE_SERVERS: JSON.stringify([{ audience: DECLARED, scopes: ['read'], name: 'From the settings' }]),
}
const actor = { by: 'test' }

onEveryStack(
  'resource servers',
  { settings, overrides: { clients: [webClient(), machine('machine'), machine('friend')] } },
  (app) => {
    const api = (changes: Parameters<typeof sampleResourceServer>[0] = {}) => sampleResourceServer(changes)
    const token = (resource: string, id = 'machine', scope = 'read'): Promise<Answer> =>
      post(
        `${app.issuer}/token`,
        { grant_type: 'client_credentials', resource, scope },
        { basic: [id, RP_SECRET] },
      )
    const active = async (value: string, id = 'machine') =>
      (await post(`${app.issuer}/introspect`, { token: value }, { basic: [id, RP_SECRET] })).json.active
    const audited = async (audience: string) =>
      (
        await app.sql.query<{ name: string; by: string }>(
          `select name, detail ->> 'by' as by from audit_events where detail ->> 'audience' = '${audience}' order by id`,
        )
      ).map(({ name, by }) => `${name} ${by}`)

    it('are in force at once: created, changed, disabled, enabled, removed, each with its record', async () => {
      const server = api()
      const { audience } = server
      const { resourceServers } = app.app
      expect((await token(audience)).json.error).to.equal('invalid_target')
      await resourceServers.create(server, actor)
      expect((await token(audience)).json).to.include({ expires_in: 300, scope: 'read' })
      await resourceServers.update(audience, { tokenTtl: 60, scopes: [{ name: 'other' }] }, actor)
      expect((await token(audience, 'machine', 'other')).json).to.include({ expires_in: 60, scope: 'other' })
      expect((await token(audience)).json).to.not.have.property('scope')
      await resourceServers.disable(audience, actor)
      expect((await token(audience, 'machine', 'other')).json.error).to.equal('invalid_target')
      await resourceServers.enable(audience, actor)
      expect((await token(audience, 'machine', 'other')).status).to.equal(200)
      await resourceServers.remove(audience, actor)
      expect((await token(audience, 'machine', 'other')).json.error).to.equal('invalid_target')
      expect(await audited(audience)).to.deep.equal(
        ['created', 'updated', 'disabled', 'enabled', 'deleted'].map(
          (what) => `resource_server.${what} test`,
        ),
      )
    })

    it('sign with the algorithm each asks for, and the tokens verify by the published keys', async () => {
      for (const signingAlgorithm of ['ES256', 'RS256', 'PS256', 'EdDSA'] as const) {
        const server = api({ signingAlgorithm })
        await app.app.resourceServers.create(server, actor)
        const { json } = await token(server.audience)
        const keys = createRemoteJWKSet(new URL(`${app.issuer}/jwks`))
        const options = { issuer: app.issuer, audience: server.audience, typ: 'at+jwt' }
        const { protectedHeader } = await jwtVerify(json.access_token, keys, options)
        expect(protectedHeader.alg).to.equal(signingAlgorithm)
      }
    })

    it('with a key that is gone are refused, not a failure of ours', async () => {
      const server = api()
      await app.app.resourceServers.create(server, actor)
      // As after SIGNING_ALGORITHMS was made shorter.
      await app.sql.query(
        `update resource_servers set signing_algorithm = 'ES512' where id = '${server.audience}'`,
      )
      const { status, json } = await token(server.audience)
      expect([status, json.error]).to.deep.equal([400, 'invalid_target'])
    })

    it('give tokens to the clients they list and to no others (RFC 8707 2)', async () => {
      const server = api({ clients: ['friend'], tokenFormat: 'opaque' })
      await app.app.resourceServers.create(server, actor)
      const given = (await token(server.audience, 'friend')).json.access_token
      expect(await active(given, 'friend')).to.equal(true)
      const { status, json } = await token(server.audience, 'machine')
      expect([status, json.error]).to.deep.equal([400, 'invalid_target'])
      await app.app.resourceServers.update(server.audience, { clients: ['machine'] }, actor)
      expect((await token(server.audience, 'friend')).json.error).to.equal('invalid_target')
      expect(await active(given, 'friend'), 'what it had').to.equal(false)
    })

    it('end their opaque tokens when they are disabled, and what slips in behind it', async () => {
      const server = api({ tokenFormat: 'opaque' })
      await app.app.resourceServers.create(server, actor)
      const [first, second] = [await token(server.audience), await token(server.audience)]
      const late = await app.app.storage.artifacts.find('ClientCredentials', second.json.access_token)
      expect(await active(first.json.access_token)).to.equal(true)
      await app.app.resourceServers.disable(server.audience, actor)
      expect(await active(first.json.access_token)).to.equal(false)
      // Written by a request that had read the API before.
      await app.app.storage.artifacts.upsert('ClientCredentials', second.json.access_token, late!, 60)
      expect(await active(second.json.access_token)).to.equal(false)
      await app.app.resourceServers.enable(server.audience, actor)
      expect(await active(second.json.access_token)).to.equal(false)
      expect(await active((await token(server.audience)).json.access_token)).to.equal(true)
    })

    it('are shown to people by the operator’s words', async () => {
      const server = api({
        name: 'Order book',
        scopes: [{ name: 'book:read', description: 'See your orders' }],
      })
      await app.app.resourceServers.create(server, actor)
      const agent = newAgent()
      const asks = { scope: 'openid book:read', resource: server.audience }
      const started = await begin(await discover(app.issuer), asks)
      const page = await agent.get(started.url.href)
      const consent = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
      for (const words of ['Order book', 'See your orders', server.audience, 'book:read'])
        expect(consent.text).to.include(words)
      const { url } = await agent.submit(consent, {}, '/consent')
      expect(responseOf(url).code).to.be.a('string')
    })

    it('forget what people allowed when they are removed: made anew, they are asked for anew', async () => {
      const server = api()
      await app.app.resourceServers.create(server, actor)
      const asks = { scope: 'openid read', resource: server.audience }
      const rp = await discover(app.issuer)
      const { agent, tokens } = await signIn(rp, asks, { exchange: { resource: server.audience } })
      await app.app.resourceServers.remove(server.audience, actor)
      const again = () =>
        client.refreshTokenGrant(rp, String(tokens.refresh_token), { resource: server.audience })
      expect((await refusal(again())).error).to.equal('invalid_target')
      await app.app.resourceServers.create(server, actor)
      const page = await agent.get((await begin(rp, asks)).url.href)
      expect(page.forms.some(({ action }) => action.endsWith('/consent'))).to.equal(true)
    })

    it('of the settings are taken in at start, and stay disabled when an operator said so', async () => {
      const { resourceServers, storage } = app.app
      expect(await storage.database.resourceServers.find(DECLARED)).to.deep.include({
        ...{ source: 'declared', name: 'From the settings', scopes: [{ name: 'read' }] },
      })
      await resourceServers.disable(DECLARED, actor)
      await resourceServers.declare(app.config.resourceServers)
      expect((await token(DECLARED)).json.error).to.equal('invalid_target')
      await resourceServers.enable(DECLARED, actor)
      expect((await token(DECLARED)).status).to.equal(200)
      // Nothing had changed, so nothing was recorded at the second time.
      const records = await audited(DECLARED)
      expect(records.filter((record) => record.endsWith('configuration'))).to.have.length(1)
    })

    it('changed by several at once keep every change, and are made once', async () => {
      const server = api()
      const made = await Promise.allSettled(
        Array.from({ length: 4 }, () => app.app.resourceServers.create(server, actor)),
      )
      expect(made.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
      const changes = [{ tokenTtl: 99 }, { name: 'Another' }, { exchangeable: true }, { clients: ['x'] }]
      await Promise.all(
        changes.map((change) => app.app.resourceServers.update(server.audience, change, actor)),
      )
      const stored = await app.app.storage.database.resourceServers.find(server.audience)
      expect(stored).to.deep.include(Object.assign({}, ...changes))
    })

    it('that break a rule are refused, all faults in words', async () => {
      const wrong = {
        ...DEFAULTS,
        audience: 'relative',
        scopes: [{ name: 'openid' }, { name: 'a b' }, { name: 'x', description: 'a\u202eb' }, { name: 'x' }],
        tokenTtl: 86_401,
        clients: ['no spaces'],
        documentation: 'http://plain.example',
        publishMetadata: true,
      }
      const error = await app.app.resourceServers.create(wrong, actor).catch((thrown) => thrown)
      for (const words of [
        'audience must be',
        '"openid" stands for claims',
        '"a b" must be a scope token',
        'the description of "x"',
        '"x" twice',
        'tokenTtl must be',
        'clients must be',
        'documentation must be',
        'publishMetadata needs',
      ])
        expect(String(error.message)).to.include(words)
      const server = api()
      await app.app.resourceServers.create(server, actor)
      const again = await app.app.resourceServers.create(server, actor).catch((thrown) => thrown)
      expect(again.message).to.include('is known already')
      const nobody = await app.app.resourceServers.update('urn:nobody', {}, actor).catch((thrown) => thrown)
      expect(nobody.code).to.equal('not_found')
    })
  },
)
