/** What whoever reads or writes the table of soft state can do with it. */
import { expect } from 'chai'
import { sqlBackends } from '../support/backends.ts'

for (const backend of sqlBackends)
  describe(`soft state at rest (${backend.name})`, () => {
    it('is sealed, and bound to its key', async () => {
      const { connection, ephemeral, dispose } = await backend.fresh()
      try {
        await ephemeral.put('progress:1', 'account-of-ann', 60)
        await ephemeral.putOnce('progress:2', 'account-of-bob', 60)
        await ephemeral.increment('tries', 60)
        const { rows } = await connection.query<{ value: string }>({
          name: 'soft.all',
          text: 'select value from ephemeral where value is not null',
          values: [],
        })
        expect(rows).to.have.length(2)
        for (const { value } of rows) {
          expect(value).not.to.include('account')
          expect(Buffer.from(value, 'base64').toString('latin1')).not.to.include('account')
        }
        await connection.query({
          name: 'soft.swap',
          text: `update ephemeral set value = (select value from ephemeral where key = 'progress:1') where key = 'progress:2'`,
          values: [],
        })
        expect(await ephemeral.get('progress:2')).to.equal(undefined)
        expect(await ephemeral.take('progress:1')).to.equal('account-of-ann')
        expect(await ephemeral.get('tries')).to.equal('1')
      } finally {
        await dispose()
      }
    })
  })
