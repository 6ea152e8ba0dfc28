import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleKey } from '../../support/samples.ts'

export function signingKeysContract(instance: () => SqlInstance): void {
  const keys = () => instance().database.signingKeys
  const table = () => instance().connection.knex('signing_keys')
  beforeEach(() => table().delete())
  afterEach(() => table().delete())

  it('makes the first keys once, however many ask', async () => {
    let made = 0
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        keys().createOnce(async () => {
          made += 1
          return [
            sampleKey({ position: 1 }),
            sampleKey({ position: 0 }),
            sampleKey({ use: 'cookie', alg: undefined }),
          ]
        }),
      ),
    )
    expect(made).to.equal(1)
    const stored = await keys().list()
    expect(stored.map(({ use, position }) => `${use} ${position}`)).to.deep.equal([
      'cookie 0',
      'token 0',
      'token 1',
    ])
    for (const answer of answers) expect(answer).to.deep.equal(stored)
  })

  it('leaves nothing behind when making them fails, so the next one can', async () => {
    const failed = await keys()
      .createOnce(() => Promise.reject(new Error('no entropy')))
      .catch((error) => error.message)
    expect(failed).to.equal('no entropy')
    expect(await keys().list()).to.deep.equal([])
    const key = sampleKey()
    expect(await keys().createOnce(async () => [key])).to.deep.equal([key])
  })

  it('seals private keys, each to its own row', async () => {
    const [one, two] = [sampleKey(), sampleKey()]
    await keys().createOnce(async () => [one, two])
    const rows: { kid: string; sealed: Buffer }[] = await table().select('kid', 'sealed')
    for (const { sealed } of rows) expect(sealed.toString('latin1')).to.not.include('very-private')
    await table()
      .where({ kid: one.kid })
      .update({ sealed: rows.find(({ kid }) => kid === two.kid)!.sealed })
    expect(
      await keys()
        .list()
        .catch((error) => error),
    ).to.be.instanceOf(Error)
  })
}
