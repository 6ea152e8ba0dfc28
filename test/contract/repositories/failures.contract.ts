import { expect } from 'chai'
import { purgeExpiredRows } from '../../../src/storage/sql/database.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleFailure, token } from '../../support/samples.ts'

export function failuresContract(instance: () => SqlInstance): void {
  const failures = () => instance().database.failures
  const ages = (code: string, age: string) =>
    instance().connection.query({
      name: `failures.age ${age}`,
      text: `update failures set created_at = now() - interval '${age}' where code = $1`,
      values: [code],
    })

  it('finds a failure by its code and by its request', async () => {
    const failure = sampleFailure()
    await failures().save(failure)
    expect(await failures().findByCode(failure.code)).to.deep.equal(failure)
    expect(await failures().findByRequestId(failure.requestId)).to.deep.equal(failure)
    expect(await failures().findByCode('AAAAAAAA')).to.equal(undefined)
    expect(await failures().findByRequestId('\0')).to.equal(undefined)
  })

  it('answers the newest failure of a request id that came twice', async () => {
    const requestId = token('twice-')
    const [first, second] = [sampleFailure({ requestId }), sampleFailure({ requestId })]
    await failures().save(first)
    await ages(first.code, '1 minute')
    await failures().save(second)
    expect((await failures().findByRequestId(requestId))?.code).to.equal(second.code)
  })

  it('keeps the first of two under one code, and fails neither', async () => {
    const first = sampleFailure()
    await failures().save(first)
    await failures().save(sampleFailure({ code: first.code }))
    expect((await failures().findByCode(first.code))?.requestId).to.equal(first.requestId)
  })

  it('takes text that the database cannot hold', async () => {
    const failure = sampleFailure({ sent: { scope: 'a\0b\ud800' } })
    await failures().save(failure)
    expect((await failures().findByCode(failure.code))?.sent.scope).to.equal('a\u2400b\ufffd')
  })

  it('forgets after a day, at once for readers and for good with the purge', async () => {
    const [old, young] = [sampleFailure(), sampleFailure()]
    for (const failure of [old, young]) await failures().save(failure)
    await ages(old.code, '25 hours')
    await ages(young.code, '23 hours')
    expect(await failures().findByCode(old.code)).to.equal(undefined)
    expect(await purgeExpiredRows(instance().connection, 1000)).to.be.at.least(1)
    await ages(old.code, '1 minute')
    expect(await failures().findByCode(old.code), 'purged').to.equal(undefined)
    expect(await failures().findByCode(young.code)).to.deep.equal(young)
  })
}
