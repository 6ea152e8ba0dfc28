import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { token } from '../../support/samples.ts'

export function settingsContract(instance: () => SqlInstance): void {
  const settings = () => instance().database.settings

  it('keeps any JSON value', async () => {
    const name = token()
    expect(await settings().get(name)).to.equal(undefined)
    for (const value of ['text', 7, false, null, [1, 'a', null], { a: { b: [] } }]) {
      await settings().put(name, value)
      expect(await settings().get(name)).to.deep.equal(value)
    }
  })

  it('lets one of 16 take the very value, and nobody another', async () => {
    const name = token()
    await settings().put(name, { digest: 'abc', n: 1 })
    expect(await settings().take(name, { digest: 'other' })).to.equal(false)
    const taken = await Promise.all(
      Array.from({ length: 16 }, () => settings().take(name, { n: 1, digest: 'abc' })),
    )
    expect(taken.filter(Boolean)).to.have.length(1)
    expect(await settings().get(name)).to.equal(undefined)
  })
}
