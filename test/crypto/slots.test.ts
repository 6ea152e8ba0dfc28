import { expect } from 'chai'
import { Slots } from '../../src/crypto/slots.ts'
import { isDomainError } from '../../src/domain/errors.ts'

describe('slots for expensive work', () => {
  it('leave room in the queue for others, however many come from one network', async () => {
    const slots = new Slots({ slots: 1, queue: 8, deadlineMs: 10_000 })
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const held = slots.run(() => promise, 'crowd')
    const done: string[] = []
    const enter = (from: string) =>
      slots
        .run(async () => void done.push(from), from)
        .catch((error: unknown) => {
          expect(isDomainError(error, 'busy')).to.equal(true)
          return 'refused' as const
        })
    // A quarter of eight places; whoever comes too many is told at once.
    const crowd = Array.from({ length: 5 }, () => enter('crowd'))
    expect(await Promise.all(crowd.slice(2))).to.deep.equal(['refused', 'refused', 'refused'])
    const other = enter('somebody else')
    release()
    await Promise.all([held, ...crowd, other])
    expect(done).to.deep.equal(['crowd', 'crowd', 'somebody else'])
    // The places are free again.
    expect(await enter('crowd')).to.equal(undefined)
    expect(slots.waiting).to.equal(0)
  })
})
