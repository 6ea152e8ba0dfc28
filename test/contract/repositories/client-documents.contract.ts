import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, token } from '../../support/samples.ts'

export function clientDocumentsContract(instance: () => SqlInstance): void {
  const documents = () => instance().database.clientDocuments
  const newId = () => `https://app.example.org/${token()}.json`
  const said = { client_name: 'Agent', redirect_uris: ['http://localhost/cb'] }

  it('keeps what was read as a client, fresh for as long as it is told', async () => {
    const id = newId()
    expect(await documents().find(id)).to.equal(undefined)
    expect(await documents().save(id, said, 60)).to.equal(true)
    const found = await documents().find(id)
    expect(found?.client).to.deep.include({
      ...{ id, metadata: said, source: 'document', status: 'active', firstParty: false },
    })
    expect(found?.fresh).to.equal(true)
    expect(found?.age).to.be.within(0, 30)
    expect(await documents().save(id, said, 0), 'the same again').to.equal(false)
    expect((await documents().find(id))?.fresh).to.equal(false)
    expect(await documents().save(id, { ...said, client_name: 'Other' }, 60)).to.equal(true)
    expect((await documents().find(id))?.client.metadata.client_name).to.equal('Other')
  })

  it('leaves a client that is disabled so, and one of another source whole', async () => {
    const id = newId()
    await documents().save(id, said, 60)
    await instance().database.clients.setStatus(id, 'disabled')
    await documents().save(id, { ...said, client_name: 'Other' }, 60)
    expect((await documents().find(id))?.client.status).to.equal('disabled')
    const own = sampleClient({ id: newId(), source: 'configuration', firstParty: true })
    await instance().database.clients.save(own)
    expect(await documents().save(own.id, said, 60)).to.equal(false)
    expect((await documents().find(own.id))?.client).to.deep.include(own)
  })

  it('counts what was withdrawn as very old, and goes with its client', async () => {
    const id = newId()
    await documents().save(id, said, 60)
    await documents().withdraw(id)
    const found = await documents().find(id)
    expect(found?.fresh).to.equal(false)
    expect(found?.age).to.be.above(1e9)
    await instance().database.clients.delete(id)
    expect(await documents().find(id)).to.equal(undefined)
    expect(await documents().find('\0')).to.equal(undefined)
  })
}
