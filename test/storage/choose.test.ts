/** The storage a deployment gets, as the rest of the program sees it. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { chooseStorage, type StorageOptions } from '../../src/storage/choose.ts'
import { newKeyring, newPostgresDatabase, required } from '../support/backends.ts'
import { sampleUser, token } from '../support/samples.ts'

describe('storage', function () {
  this.timeout(60_000)

  async function serves(
    options: Pick<StorageOptions, 'database' | 'redisUrl' | 'redisPrefix'>,
  ): Promise<void> {
    const storage = await chooseStorage({ ...options, atRest: newKeyring(), onError: () => {} })
    try {
      expect((await storage.migrate()).applied).to.not.deep.equal([])
      expect((await storage.migrate()).applied).to.deep.equal([])
      const health = await storage.health()
      expect(Object.keys(health)).to.deep.equal([
        ...['database', 'clock'],
        ...(options.redisUrl ? ['redis'] : []),
      ])
      for (const { state } of Object.values(health)) expect(state).to.equal('up')
      const user = await storage.database.users.insert(sampleUser())
      await storage.artifacts.upsert('Session', token(), { uid: token(), accountId: user.id }, 0.001)
      await storage.artifacts.upsert('Grant', 'g', { accountId: user.id }, undefined)
      expect((await storage.ephemeral.increment('n', 60)).count).to.equal(1)
      // the session, and its family
      expect(await storage.purge(100)).to.equal(2)
      expect(await storage.artifacts.find('Grant', 'g')).to.include({ accountId: user.id })
    } finally {
      await storage.close()
    }
  }

  it('embedded, in memory', () => serves({ database: { kind: 'pglite' } }))

  it('on Postgres and Redis', async () => {
    const { url, drop } = await newPostgresDatabase()
    const redisPrefix = `test-${randomBytes(6).toString('hex')}:`
    await serves({
      database: { kind: 'postgres', url, poolSize: 4 },
      redisUrl: required('TEST_REDIS_URL'),
      redisPrefix,
    })
    await drop()
  })
})
