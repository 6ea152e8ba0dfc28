import { expect } from 'chai'
import { Breaker, doubled } from '../../src/lib/breaker.ts'

describe('the breaker', () => {
  let now = 0
  let opened: unknown[] = []
  const breaker = (changes = {}) =>
    new Breaker({
      ...{ failures: 3, withinMs: 1000, firstPauseMs: 100, lastPauseMs: 400 },
      ...{ now: () => now, onOpen: (error: unknown) => opened.push(error) },
      ...changes,
    })
  const fail = (one: Breaker, times: number) => {
    for (let index = 0; index < times; index += 1) one.failed(`failure ${index + 1}`)
  }
  beforeEach(() => {
    now = 0
    opened = []
  })

  it('opens at so many failures within the time, whatever works in between', () => {
    const one = breaker()
    fail(one, 2)
    one.succeeded()
    expect([one.state, one.admits()]).to.deep.equal(['closed', true])
    fail(one, 1)
    expect([one.state, one.admits(), one.pauseMs()]).to.deep.equal(['open', false, 100])
    expect(opened).to.deep.equal(['failure 1'])
  })

  it('forgets failures that are older', () => {
    const one = breaker()
    for (let times = 0; times < 20; times += 1) {
      fail(one, 1)
      now += 501
    }
    expect(one.state).to.equal('closed')
    fail(one, 2)
    expect(one.state).to.equal('open')
  })

  it('lets one try when the pause is over, and closes when it works', () => {
    const one = breaker()
    fail(one, 3)
    now += 99
    expect(one.admits()).to.equal(false)
    now += 1
    expect(one.state).to.equal('half-open')
    expect([one.admits(), one.admits(), one.admits()]).to.deep.equal([true, false, false])
    one.succeeded()
    expect([one.state, one.admits(), one.admits()]).to.deep.equal(['closed', true, true])
    fail(one, 2)
    expect(one.state, 'and begins to count anew').to.equal('closed')
  })

  it('pauses again when the try fails: twice as long, up to the last, and says so only once', () => {
    const one = breaker()
    fail(one, 3)
    const pauses: number[] = []
    for (let times = 0; times < 5; times += 1) {
      pauses.push(one.pauseMs())
      now += one.pauseMs()
      expect([one.admits(), one.admits()]).to.deep.equal([true, false])
      one.failed()
    }
    expect(pauses).to.deep.equal([100, 200, 400, 400, 400])
    expect(opened).to.have.length(1)
    now += 400
    one.admits()
    one.succeeded()
    fail(one, 3)
    expect(one.pauseMs(), 'after a success: the first again').to.equal(100)
    expect(opened).to.have.length(2)
  })

  it('takes no notice of what was under way when it opened', () => {
    const one = breaker()
    fail(one, 3)
    now += 50
    fail(one, 5)
    one.succeeded()
    expect([one.state, one.pauseMs()]).to.deep.equal(['open', 50])
  })

  it('doubles without end of numbers', () => {
    expect([0, 1, 2, 3, 4, 5000].map((times) => doubled(5, times, 30))).to.deep.equal([5, 5, 10, 20, 30, 30])
  })
})
