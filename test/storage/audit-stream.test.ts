/** The audit record as a Redis stream, with a Redis that is away for a while and one that loses everything. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { AuditKeys, digestOf } from '../../src/crypto/audit-keys.ts'
import { AuditLedger } from '../../src/domain/audit/ledger.ts'
import { AuditStream, type StreamEntry } from '../../src/domain/audit/stream.ts'
import { openRedis } from '../../src/storage/redis/open.ts'
import { required, sqlBackends, storesOn } from '../support/backends.ts'

describe('the audit stream', function () {
  this.timeout(60_000)
  const url = required('TEST_REDIS_URL')
  const name = `audit-${randomBytes(6).toString('hex')}`
  let instance: Awaited<ReturnType<(typeof sqlBackends)[number]['fresh']>>
  let ledger: AuditLedger
  let redis: Redis
  let opened: Awaited<ReturnType<typeof openRedis>>
  let away = false

  before(async () => {
    instance = await sqlBackends.find((backend) => backend.name === 'postgres')!.fresh()
    ledger = new AuditLedger({ database: instance.database, digest: digestOf, keys: new AuditKeys() })
    const { atRest, ephemeral: rows } = instance
    opened = await openRedis({ url, rows, atRest, prefix: `${name}:`, onError: () => {} })
    redis = new Redis(url)
  })
  after(async () => {
    await redis.del(name)
    redis.disconnect()
    await opened.close()
    await instance.dispose()
  })

  const add = async (entries: readonly StreamEntry[]) => {
    const fields = entries.map(({ seq, payload }) => ({ seq: String(seq), payload }))
    // Away in the middle: some have arrived.
    await opened.addToStream(name, 1000, away ? fields.slice(0, 1) : fields)
    if (away) throw new Error('ECONNRESET')
  }
  const follower = () =>
    new AuditStream({ database: storesOn(instance.connection, instance.atRest).database, add })
  async function records(count: number, prefix: string) {
    for (let index = 0; index < count; index += 1)
      await instance.database.audit.append({
        ...{ name: 'user.signed_in', outcome: 'success', userId: `${prefix}${index}` },
        request: { id: 'r', ip: '192.0.2.77', userAgent: 'Lynx' },
      })
    await ledger.link()
  }
  const said = async () =>
    (await redis.xrange(name, '-', '+')).map(([, [, seq, , payload]]) => ({
      seq: Number(seq),
      ...(JSON.parse(String(payload)) as { type: string; data: Record<string, unknown> }),
    }))

  it('begins with what comes, in the order of the chain, without what identifies people', async () => {
    await records(3, 'before')
    expect(await follower().follow()).to.equal(0)
    await records(3, 'a')
    expect(await follower().follow()).to.equal(3)
    const entries = await said()
    expect(entries.map(({ seq }) => seq)).to.deep.equal([4, 5, 6])
    expect(entries.map(({ data }) => data.user_id)).to.deep.equal(['a0', 'a1', 'a2'])
    expect(entries[0]?.type).to.equal('user.signed_in')
    expect(JSON.stringify(entries)).to.not.include('192.0.2.77').and.not.include('Lynx')
  })

  it('catches up with what happened while Redis was away, and leaves nothing out', async () => {
    away = true
    await records(5, 'b')
    expect(
      await follower()
        .follow()
        .catch((error: Error) => error.message),
    ).to.equal('ECONNRESET')
    await records(450, 'c')
    away = false
    expect(await follower().follow()).to.equal(455)
    const seqs = (await said()).map(({ seq }) => seq)
    expect([...new Set(seqs)].sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: 458 }, (_, index) => index + 4),
    )
    expect(
      seqs.filter((seq) => seq === 7),
      'at least once',
    ).to.have.length(2)
  })

  it('is written by one process, however many follow', async () => {
    await redis.del(name)
    await records(20, 'd')
    await Promise.all(Array.from({ length: 4 }, () => follower().follow()))
    await follower().follow()
    expect((await said()).map(({ data }) => data.user_id)).to.deep.equal(
      Array.from({ length: 20 }, (_, index) => `d${index}`),
    )
  })
})
