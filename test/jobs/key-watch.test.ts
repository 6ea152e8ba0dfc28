import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { KeyWatch } from '../../src/jobs/key-watch.ts'
import { CollectingLogger } from '../support/collecting-logger.ts'

describe('the watch over keys', () => {
  let watch: KeyWatch | undefined
  afterEach(() => watch?.stop())

  it('looks every so often, at once when told to, and not twice as often for having been told during a look', async () => {
    let looks = 0
    let atOnce = 0
    let most = 0
    const look = async () => {
      looks += 1
      atOnce += 1
      most = Math.max(most, atOnce)
      await sleep(20)
      atOnce -= 1
    }
    watch = new KeyWatch(look, new CollectingLogger(), 'looking', 400)
    watch.start()
    await sleep(100)
    expect(looks).to.equal(0)
    for (let told = 0; told < 5; told += 1) {
      watch.soon()
      await sleep(10)
    }
    await sleep(100)
    const soon = looks
    expect(soon).to.be.within(1, 5)
    await sleep(1000)
    expect(looks - soon, 'two in the second after').to.be.within(1, 3)
    await watch.stop()
    const stopped = looks
    await sleep(500)
    expect(looks).to.equal(stopped)
    expect(most, 'one at a time').to.equal(1)
  })

  it('says once that it fails and once that it works again', async () => {
    const logger = new CollectingLogger()
    let broken = true
    const look = async () => {
      if (broken) throw new Error('the database is away')
    }
    watch = new KeyWatch(look, logger, 'looking', 20)
    watch.start()
    await sleep(200)
    broken = false
    await sleep(200)
    expect(logger.loud()).to.deep.equal(['looking failed', 'looking works again'])
  })
})
