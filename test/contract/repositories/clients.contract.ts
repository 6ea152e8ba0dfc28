import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, token } from '../../support/samples.ts'

export function clientsContract(instance: () => SqlInstance): void {
  const clients = () => instance().database.clients

  it('saves, replaces, lists and deletes', async () => {
    const client = sampleClient({ secretDigest: 'digest', firstParty: true, source: 'configuration' })
    await clients().save(client)
    expect(await clients().find(client.id)).to.deep.equal({ ...client, status: 'active' })
    const changed = {
      ...client,
      metadata: { redirect_uris: [], x: { y: null } },
      secretDigest: undefined,
      firstParty: false,
    }
    await clients().save(changed)
    expect(await clients().find(client.id)).to.deep.equal({ ...changed, status: 'active' })
    expect(await clients().list()).to.deep.include({ ...changed, status: 'active' })
    expect(await clients().delete(client.id)).to.equal(true)
    expect(await clients().find(client.id)).to.equal(undefined)
    expect(await clients().delete(client.id), 'again').to.equal(false)
  })

  it('keeps a disabled client disabled, whoever saves its settings', async () => {
    const client = sampleClient()
    await clients().save(client)
    expect(await clients().setStatus(client.id, 'disabled')).to.equal(true)
    await clients().save({ ...client, metadata: {} })
    expect(await clients().find(client.id)).to.include({ status: 'disabled' })
    expect(await clients().setStatus(client.id, 'active')).to.equal(true)
    expect(await clients().find(client.id)).to.include({ status: 'active' })
    expect(await clients().setStatus(token(), 'disabled')).to.equal(false)
  })

  it('deletes a client with everything issued to it, and nothing of another', async () => {
    const { artifacts } = instance()
    const ids = [sampleClient({ firstParty: true }), sampleClient({ firstParty: true })] as const
    for (const client of ids) {
      await clients().save(client)
      await artifacts.upsert('Grant', `grant-${client.id}`, { accountId: 'a', clientId: client.id }, 60)
      await artifacts.upsert('AccessToken', `token-${client.id}`, { grantId: `grant-${client.id}` }, 60)
      await artifacts.upsert('ClientCredentials', `own-${client.id}`, { clientId: client.id }, 60)
    }
    await clients().delete(ids[0].id)
    const left = (client: { id: string }) =>
      Promise.all([
        artifacts.find('Grant', `grant-${client.id}`),
        artifacts.find('AccessToken', `token-${client.id}`),
        artifacts.find('ClientCredentials', `own-${client.id}`),
      ])
    for (const found of await left(ids[0])) expect(found).to.equal(undefined)
    for (const found of await left(ids[1])) expect(found).to.not.equal(undefined)
  })

  it('has no answer, and no error, for ids that strangers make up', async () => {
    for (const id of [token(), '', 'a\0b', '\ud800', 'x'.repeat(100_000)]) {
      expect(await clients().find(id)).to.equal(undefined)
      await clients().delete(id)
    }
  })
}
