import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { OutboxRow } from '../../../src/domain/ports.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { token } from '../../support/samples.ts'

export function outboxContract(instance: () => SqlInstance): void {
  const outbox = () => instance().database.outbox
  beforeEach(() => instance().connection.knex('outbox').delete())
  const add = async (count: number) => {
    const jobs = Array.from({ length: count }, () => ({
      template: 'verify-email' as const,
      proofId: token(),
    }))
    for (const job of jobs) {
      await outbox().insert(job)
      await sleep(2)
    }
    return jobs
  }

  it('hands out jobs oldest first, each to one worker while the lease lasts', async () => {
    const jobs = await add(3)
    const first = await outbox().claim('mail', 2, 60)
    expect(first.map(({ job }) => job).sort(byProof)).to.deep.equal(jobs.slice(0, 2).sort(byProof))
    expect(first.map(({ attempts }) => attempts)).to.deep.equal([1, 1])
    expect((await outbox().claim('mail', 9, 60)).map(({ job }) => job)).to.deep.equal([jobs[2]])
    expect(await outbox().claim('mail', 9, 60)).to.deep.equal([])
    await add(2)
    await outbox().claim('mail', 9, 0.1)
    await sleep(160)
    expect(
      (await outbox().claim('mail', 9, 60)).map(({ attempts }) => attempts),
      'the worker died',
    ).to.deep.equal([2, 2])
  })

  it('gives 40 jobs to 8 workers at once, none twice', async () => {
    await add(40)
    const claimed = (await Promise.all(Array.from({ length: 8 }, () => outbox().claim('mail', 5, 60)))).flat()
    const ids = new Set(claimed.map(({ id }) => id))
    expect(ids.size).to.equal(claimed.length)
    const rest = await outbox().claim('mail', 40, 60)
    expect(ids.size + rest.length).to.equal(40)
  })

  it('removes what is done, and tries again when asked to', async () => {
    await add(2)
    const [one, two] = await outbox().claim('mail', 2, 60)
    await outbox().done(one!.id)
    await outbox().retry(two!.id, 60, 'smtp \0 said no')
    expect(await outbox().claim('mail', 9, 60)).to.deep.equal([])
    expect(await outbox().counts('mail')).to.deep.equal({ waiting: 1, dead: 0 })
    await outbox().retry(two!.id, 0.1, 'smtp \0 said no')
    await sleep(160)
    expect(await outbox().claim('mail', 9, 60)).to.deep.equal([{ ...two, attempts: 2 }])
  })

  it('keeps what it gave up on, and never hands it out again', async () => {
    await add(1)
    const [{ id }] = (await outbox().claim('mail', 1, 60)) as [OutboxRow]
    await outbox().bury(id, 'gave up')
    await outbox().retry(id, 0, 'a late worker')
    expect(await outbox().claim('mail', 9, 60)).to.deep.equal([])
    expect(await outbox().counts('mail')).to.deep.equal({ waiting: 0, dead: 1 })
  })

  it('tells how late the job is that is due longest', async () => {
    expect(await outbox().lagSeconds('mail')).to.equal(0)
    await add(2)
    await sleep(300)
    expect(await outbox().lagSeconds('mail')).to.be.within(0.3, 30)
    expect(await outbox().lagSeconds('ciba-ping')).to.equal(0)
    for (const { id } of await outbox().claim('mail', 9, 60)) await outbox().retry(id, 60, 'later')
    expect(await outbox().lagSeconds('mail'), 'none is due').to.equal(0)
  })

  it('keeps kinds apart, and the jobs for one application from another', async () => {
    const [mail] = await add(1)
    const notice = (clientId: string) => ({
      kind: 'backchannel-logout' as const,
      clientId,
      accountId: token(),
    })
    const [one, two] = [notice('one'), notice('two')]
    await outbox().insert(one)
    await outbox().insert(two)
    expect((await outbox().claim('mail', 9, 60, ['one'])).map(({ job }) => job)).to.deep.equal([mail])
    const claim = async (...except: string[]) =>
      (await outbox().claim('backchannel-logout', 9, 60, except)).map(({ job }) => job)
    expect(await claim('one', 'two')).to.deep.equal([])
    expect(await claim('one')).to.deep.equal([two])
    expect(await outbox().counts('backchannel-logout')).to.deep.equal({ waiting: 2, dead: 0 })
    expect(await outbox().counts('mail')).to.deep.equal({ waiting: 1, dead: 0 })
    expect(await claim()).to.deep.equal([one])
  })
}

function byProof(a: { template: string }, b: { template: string }): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
