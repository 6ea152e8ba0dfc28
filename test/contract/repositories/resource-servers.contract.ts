import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, sampleResourceServer, sampleUser, token } from '../../support/samples.ts'

export function resourceServersContract(instance: () => SqlInstance): void {
  const servers = () => instance().database.resourceServers

  it('saves, replaces, lists and deletes, and tells what there was to do', async () => {
    const server = sampleResourceServer({ clients: ['a', 'b'], documentation: 'https://docs.example' })
    expect(await servers().save(server)).to.equal('created')
    expect(await servers().find(server.audience)).to.deep.equal({ ...server, status: 'active' })
    expect(await servers().save(server)).to.equal('same')
    const changed = sampleResourceServer({
      ...{ audience: server.audience, name: undefined, scopes: [{ name: 'x' }], clients: 'all' },
      ...{ tokenFormat: 'opaque', tokenTtl: 86_400, publishMetadata: true, exchangeable: true },
      ...{ signingAlgorithm: 'EdDSA', source: 'declared' },
    })
    expect(await servers().save(changed)).to.equal('changed')
    expect(await servers().find(server.audience)).to.deep.equal({ ...changed, status: 'active' })
    expect(await servers().list()).to.deep.include({ ...changed, status: 'active' })
    expect(await servers().delete(server.audience)).to.equal(true)
    expect(await servers().find(server.audience)).to.equal(undefined)
    expect(await servers().delete(server.audience), 'again').to.equal(false)
  })

  it('keeps a disabled one disabled, whoever saves its settings', async () => {
    const server = sampleResourceServer()
    await servers().save(server)
    expect(await servers().setStatus(server.audience, 'disabled')).to.equal(true)
    expect(await servers().save({ ...server, name: 'Another' })).to.equal('changed')
    expect(await servers().find(server.audience)).to.include({ status: 'disabled', name: 'Another' })
    expect(await servers().setStatus(token(), 'disabled')).to.equal(false)
  })

  it('tells whoever keeps them in memory of every change', async () => {
    const counter = async () => {
      const { value } = await instance()
        .connection.knex('change_counters')
        .where({ topic: 'resources' })
        .first()
      return Number(value)
    }
    const server = sampleResourceServer()
    const seen = [await counter()]
    for (const step of [
      () => servers().save(server),
      () => servers().setStatus(server.audience, 'disabled'),
      () => servers().delete(server.audience),
    ]) {
      await step()
      seen.push(await counter())
    }
    expect(seen).to.deep.equal([...new Set(seen)].toSorted((one, other) => one - other))
  })

  it('ends the opaque tokens for one API, and what people allowed of it, and nothing of another', async () => {
    const { artifacts, database } = instance()
    const [api, other] = [sampleResourceServer().audience, sampleResourceServer().audience]
    const [user, client] = [sampleUser(), sampleClient({ firstParty: true })]
    await database.users.insert(user)
    await database.clients.save(client)
    const [userId, clientId] = [user.id, client.id]
    const resources = { [api]: ['read'], [other]: ['read'] }
    await database.consents.remember({ userId, clientId, scopes: ['openid'], claims: [], resources })
    const [grant, mine, its, foreign] = [token(), token(), token(), token()]
    const ofGrant = { accountId: userId, clientId, grantId: grant }
    const stored = { [api]: 'read', [other]: 'read' }
    await artifacts.upsert('Grant', grant, { accountId: userId, clientId, resources: stored }, 60)
    await artifacts.upsert('AccessToken', mine, { ...ofGrant, aud: api }, 60)
    await artifacts.upsert('ClientCredentials', its, { clientId, aud: api }, 60)
    await artifacts.upsert('AccessToken', foreign, { ...ofGrant, aud: other }, 60)
    await database.access.revokeResource(api)
    expect(await artifacts.find('AccessToken', mine)).to.equal(undefined)
    expect(await artifacts.find('ClientCredentials', its)).to.equal(undefined)
    expect(await artifacts.find('AccessToken', foreign)).to.include({ aud: other })
    expect((await database.consents.find(userId, clientId))?.resources).to.deep.equal(resources)
    await database.access.forgetResource(api)
    expect((await database.consents.find(userId, clientId))?.resources).to.deep.equal({ [other]: ['read'] })
    expect((await artifacts.find('Grant', grant))?.resources).to.deep.equal({ [other]: 'read' })
    expect(await artifacts.find('AccessToken', foreign)).to.include({ aud: other })
  })

  it('has no answer, and no error, for audiences that strangers make up', async () => {
    for (const audience of [token(), '', 'a\0b', '\ud800', 'x'.repeat(100_000)]) {
      expect(await servers().find(audience)).to.equal(undefined)
      expect(await servers().setStatus(audience, 'disabled')).to.equal(false)
      expect(await servers().delete(audience)).to.equal(false)
      await instance().database.access.forgetResource(audience)
    }
  })
}
