import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleAuthorizationType } from '../../support/samples.ts'

export function authorizationTypesContract(instance: () => SqlInstance): void {
  const types = () => instance().database.authorizationTypes
  const find = async (name: string) => (await types().list()).find((type) => type.name === name)

  it('keeps a type as it is, whatever is in it', async () => {
    const type = sampleAuthorizationType()
    await types().save(type)
    expect(await find(type.name)).to.deep.equal(type)
  })

  it('replaces the type of the same name, and only it', async () => {
    const [type, other] = [sampleAuthorizationType(), sampleAuthorizationType()]
    await types().save(type)
    await types().save(other)
    const changed = sampleAuthorizationType({
      name: type.name,
      title: 'Else',
      ask: 'session',
      selfRegistered: true,
      status: 'disabled',
    })
    await types().save(changed)
    expect(await find(type.name)).to.deep.equal(changed)
    expect(await find(other.name)).to.deep.equal(other)
  })
}
