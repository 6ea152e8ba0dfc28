import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, token } from '../../support/samples.ts'

export function clientsContract(instance: () => SqlInstance): void {
  const clients = () => instance().database.clients

  it('saves, replaces, lists and deletes', async () => {
    const client = sampleClient({ secretDigest: 'digest', firstParty: true, source: 'configuration' })
    await clients().save(client)
    expect(await clients().find(client.id)).to.deep.equal(client)
    const changed = {
      ...client,
      metadata: { redirect_uris: [], x: { y: null } },
      secretDigest: undefined,
      firstParty: false,
    }
    await clients().save(changed)
    expect(await clients().find(client.id)).to.deep.equal(changed)
    expect(await clients().list()).to.deep.include(changed)
    await clients().delete(client.id)
    expect(await clients().find(client.id)).to.equal(undefined)
  })

  it('has no answer, and no error, for ids that strangers make up', async () => {
    for (const id of [token(), '', 'a\0b', '\ud800', 'x'.repeat(100_000)]) {
      expect(await clients().find(id)).to.equal(undefined)
      await clients().delete(id)
    }
  })
}
