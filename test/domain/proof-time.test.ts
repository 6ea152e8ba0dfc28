import { expect } from 'chai'
import { countsStill, proofTime } from '../../src/domain/access/proof-time.ts'

const at = (seconds: number) => new Date(seconds * 1000)

describe('when a proof counts', () => {
  it('from now on, where nothing was ever ended', () => {
    expect(proofTime({ accessFrom: undefined }, at(1000.9))).to.equal(1000)
    expect(countsStill({ accessFrom: undefined }, 0)).to.equal(true)
  })

  it('no longer when everything was ended in the same second or later', () => {
    for (const [provenAt, counts] of [
      [999, false],
      [1000, false],
      [1001, true],
    ] as const)
      expect(countsStill({ accessFrom: 1000 }, provenAt), String(provenAt)).to.equal(counts)
  })

  it('at once when it is given after everything was ended, whatever the clock says', () => {
    const person = { accessFrom: 1000 }
    for (const now of [990, 1000, 1000.9, 1001, 2000])
      expect(countsStill(person, proofTime(person, at(now))), String(now)).to.equal(true)
    expect(proofTime(person, at(2000.5)), 'and is dated now where it can').to.equal(2000)
  })
})
