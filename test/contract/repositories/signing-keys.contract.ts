import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { failure } from '../../support/failure.ts'
import { sampleKey } from '../../support/samples.ts'

export function signingKeysContract(instance: () => SqlInstance): void {
  const keys = () => instance().database.signingKeys
  const table = () => instance().connection.knex('signing_keys')
  beforeEach(() => table().delete())
  afterEach(() => table().delete())

  it('holds keys by line, the newest first, each with the moment its state began by the database’s clock', async () => {
    const [old, young, cookie] = [
      sampleKey({ state: 'retiring' }),
      sampleKey(),
      sampleKey({ line: 'cookie', jwk: { k: 'x' } }),
    ]
    for (const key of [old, young, cookie]) await keys().add(key)
    const stored = await keys().list()
    expect(stored.map(({ since: _since, ...key }) => key)).to.deep.equal([cookie, young, old])
    const now = await instance().database.transaction(({ signingKeys }) => signingKeys.lock())
    for (const { since } of stored) expect(now.getTime() - since.getTime()).to.be.within(0, 10_000)
    await keys().move(young.kid, 'retiring')
    const [, moved] = await keys().list()
    expect([moved?.kid, moved?.state]).to.deep.equal([young.kid, 'retiring'])
    expect(moved?.since.getTime()).to.be.above(Number(stored[1]?.since))
  })

  it('lets one work at a time: of eight that find no key one makes it', async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, () =>
        instance().database.transaction(async ({ signingKeys }) => {
          await signingKeys.lock()
          if ((await signingKeys.list()).length > 0) return false
          await signingKeys.add(sampleKey())
          return true
        }),
      ),
    )
    expect(made.filter(Boolean).length).to.equal(1)
    expect((await keys().list()).length).to.equal(1)
  })

  it('has one current and one next key of a line', async () => {
    for (const state of ['current', 'next'] as const) {
      await keys().add(sampleKey({ state }))
      expect((await failure(keys().add(sampleKey({ state })))).message).to.match(/one_of_a_line/)
      await keys().add(sampleKey({ state, line: 'RS256' }))
      await keys().add(sampleKey({ state, line: 'cookie' }))
    }
    await keys().add(sampleKey({ state: 'retiring' }))
    await keys().add(sampleKey({ state: 'retiring' }))
    expect((await keys().list()).length).to.equal(8)
  })

  it('destroys a retired key, and forgets after a year that there was one', async () => {
    const [one, two] = [sampleKey(), sampleKey({ state: 'retiring' })]
    for (const key of [one, two]) await keys().add(key)
    await keys().move(one.kid, 'retired')
    expect((await keys().list()).find(({ kid }) => kid === one.kid)).to.deep.include({
      state: 'retired',
      jwk: {},
    })
    await table()
      .where({ kid: one.kid })
      .update({ since: instance().connection.knex.raw(`now() - interval '366 days'`) })
    await keys().move(two.kid, 'retired')
    expect((await keys().list()).map(({ kid }) => kid)).to.deep.equal([two.kid])
  })

  it('seals private keys, each to its own row', async () => {
    const [one, two] = [sampleKey(), sampleKey({ line: 'RS256' })]
    for (const key of [one, two]) await keys().add(key)
    const rows: { kid: string; sealed: Buffer }[] = await table().select('kid', 'sealed')
    for (const { sealed } of rows) expect(sealed.toString('latin1')).to.not.include('very-private')
    await table()
      .where({ kid: one.kid })
      .update({ sealed: rows.find(({ kid }) => kid === two.kid)!.sealed })
    expect(await failure(keys().list())).to.be.instanceOf(Error)
  })
}
