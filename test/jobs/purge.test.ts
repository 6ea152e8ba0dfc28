/** Deleting what has expired: in batches, one fault does not stop the others, and it stops when told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Purge } from '../../src/jobs/purge.ts'
import { CollectingLogger } from '../support/collecting-logger.ts'

function heap(size: number): { left: number; batches: number[]; purge(batchSize: number): Promise<number> } {
  return {
    left: size,
    batches: [],
    async purge(batchSize) {
      const count = Math.min(batchSize, this.left)
      this.left -= count
      this.batches.push(count)
      return count
    },
  }
}

describe('purge', () => {
  it('goes on in batches until nothing is left', async () => {
    const rows = heap(25)
    const purge = new Purge([{ name: 'rows', purge: (n) => rows.purge(n) }], new CollectingLogger(), {
      batchSize: 10,
    })
    await purge.run()
    expect(rows.batches).to.deep.equal([10, 10, 5, 0])
  })

  it('leaves the rest for the next round', async () => {
    const rows = heap(100)
    const options = { batchSize: 10, maxBatches: 3 }
    const purge = new Purge([{ name: 'rows', purge: (n) => rows.purge(n) }], new CollectingLogger(), options)
    await purge.run()
    expect(rows.left).to.equal(70)
  })

  it('does not let one fault stop the others, and says it once', async () => {
    const logger = new CollectingLogger()
    const rows = heap(5)
    let fails = true
    const purge = new Purge(
      [
        {
          name: 'sessions',
          async purge() {
            if (fails) throw new Error('relation "secret" does not exist')
            return 0
          },
        },
        { name: 'rows', purge: (n) => rows.purge(n) },
      ],
      logger,
    )
    await purge.run()
    await purge.run()
    expect(rows.left).to.equal(0)
    fails = false
    await purge.run()
    expect(logger.loud()).to.deep.equal(['purging sessions failed', 'purging sessions works again'])
    expect(JSON.stringify(logger.lines)).not.to.include('secret')
  })

  it('runs every so often, never twice at once, and waits for its batch when it stops', async () => {
    let atWork = 0
    let most = 0
    let finished = 0
    const slow = {
      name: 'slow',
      async purge() {
        atWork += 1
        most = Math.max(most, atWork)
        await sleep(30)
        atWork -= 1
        finished += 1
        return 0
      },
    }
    const purge = new Purge([slow], new CollectingLogger(), { everyMs: 10 })
    purge.start()
    await sleep(150)
    await purge.stop()
    const total = finished
    expect(most).to.equal(1)
    expect(atWork).to.equal(0)
    expect(total).to.be.greaterThan(2)
    await sleep(50)
    expect(finished).to.equal(total)
  })
})
