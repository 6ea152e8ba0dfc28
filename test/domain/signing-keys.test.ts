/** What follows when, on a clock of the test: a line's keys from the first to the last. */
import { expect } from 'chai'
import type { KeyChange, KeyFacts, KeyLine, KeyState } from '../../src/domain/keys/key.ts'
import { keyPolicy, VERIFIERS_CACHE } from '../../src/domain/keys/policy.ts'
import { revoke } from '../../src/domain/keys/revoke.ts'
import { rotate } from '../../src/domain/keys/rotate.ts'
import { schedule } from '../../src/domain/keys/schedule.ts'

const DAY = 24 * 3600
const policy = { ...keyPolicy(['ES256'], 90 * DAY, 600), lines: ['ES256'] as KeyLine[] }

/** Keys that live by the rules alone. */
class Keys {
  now = 0
  made = 0
  facts: KeyFacts[] = []

  get time(): Date {
    return new Date(this.now * 1000)
  }

  apply(changes: readonly KeyChange[]): void {
    for (const change of changes) {
      if ('make' in change) {
        this.made += 1
        this.facts.push({ kid: `k${this.made}`, line: change.make, state: change.as, since: this.time })
      } else
        this.facts = this.facts.map((key) =>
          key.kid === change.move ? { ...key, state: change.to, since: this.time } : key,
        )
    }
  }

  /** The schedule looks once a minute. */
  pass(seconds: number, rules = policy): void {
    const end = this.now + seconds
    for (; this.now < end; this.now = Math.min(end, this.now + 60))
      this.apply(schedule(this.facts, rules, this.time))
    this.apply(schedule(this.facts, rules, this.time))
  }

  stand(line: KeyLine = 'ES256'): string {
    const order: KeyState[] = ['next', 'current', 'retiring', 'retired']
    return this.facts
      .filter((key) => key.line === line && key.state !== 'retired')
      .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
      .map(({ kid, state }) => `${kid} ${state}`)
      .join(', ')
  }
}

describe('signing keys', () => {
  let keys: Keys
  beforeEach(() => {
    keys = new Keys()
    keys.pass(0)
  })

  it('begin with one that signs at once, and nothing else is due', () => {
    expect(keys.stand()).to.equal('k1 current')
    expect(schedule(keys.facts, policy, keys.time)).to.deep.equal([])
  })

  it('are published for longer than verifiers cache before they sign, and kept until what they signed has died', () => {
    expect(policy.publishFor).to.be.above(VERIFIERS_CACHE)
    keys.apply(rotate(keys.facts, policy, undefined))
    expect(keys.stand()).to.equal('k2 next, k1 current')
    keys.pass(VERIFIERS_CACHE)
    expect(keys.stand()).to.equal('k2 next, k1 current')
    keys.pass(60)
    expect(keys.stand()).to.equal('k2 current, k1 retiring')
    keys.pass(600)
    expect(keys.stand(), 'the last token has died, verifiers’ clocks may differ').to.equal(
      'k2 current, k1 retiring',
    )
    keys.pass(300)
    expect(keys.stand()).to.equal('k2 current')
    expect(keys.facts.find(({ kid }) => kid === 'k1')?.state).to.equal('retired')
  })

  it('change by themselves when they have signed for as long as they may', () => {
    keys.pass(90 * DAY - policy.publishFor - 60)
    expect(keys.stand()).to.equal('k1 current')
    keys.pass(120)
    expect(keys.stand()).to.equal('k2 next, k1 current')
    keys.pass(policy.publishFor)
    expect(keys.stand()).to.equal('k2 current, k1 retiring')
    keys.pass(89 * DAY)
    expect(keys.stand()).to.equal('k2 current')
    keys.pass(DAY)
    expect(keys.stand()).to.match(/^k3 (next|current), k2/)
  })

  it('never change by themselves where that is asked for', () => {
    keys.pass(10 * DAY, { ...policy, signFor: 0 })
    keys.now += 3650 * DAY
    expect(schedule(keys.facts, { ...policy, signFor: 0 }, keys.time)).to.deep.equal([])
    keys.apply(rotate(keys.facts, policy, undefined))
    keys.pass(policy.publishFor, { ...policy, signFor: 0 })
    expect(keys.stand(), 'by hand they do').to.equal('k2 current, k1 retiring')
  })

  it('rotated twice in a row have one successor', () => {
    keys.apply(rotate(keys.facts, policy, undefined))
    expect(rotate(keys.facts, policy, undefined)).to.deep.equal([])
    expect(rotate(keys.facts, policy, 'ES256')).to.deep.equal([])
    expect(rotate(keys.facts, policy, 'RS256'), 'not offered').to.deep.equal([])
  })

  it('revoked are gone at once, and the successor signs at once: the next one, or one made now', () => {
    keys.apply(revoke(keys.facts, policy, 'k1')!)
    expect(keys.stand()).to.equal('k2 current')
    keys.apply(rotate(keys.facts, policy, undefined))
    keys.apply(revoke(keys.facts, policy, 'k2')!)
    expect(keys.stand()).to.equal('k3 current')
    keys.apply(rotate(keys.facts, policy, undefined))
    keys.apply(revoke(keys.facts, policy, 'k4')!)
    expect(keys.stand(), 'a next one leaves the current one alone').to.equal('k3 current')
    for (const kid of ['k1', 'k4', 'unknown'])
      expect(revoke(keys.facts, policy, kid), kid).to.equal(undefined)
  })

  it('of an algorithm that is offered anew sign at once, of one that is offered no more end in their time', () => {
    const more = { ...policy, lines: ['ES256', 'EdDSA'] as KeyLine[] }
    keys.pass(60, more)
    expect(keys.stand('EdDSA')).to.equal('k2 current')
    keys.pass(89 * DAY)
    expect(keys.stand('EdDSA'), 'a node that has the old settings still changes nothing').to.equal(
      'k2 current',
    )
    keys.pass(2 * DAY)
    expect(keys.stand('EdDSA')).to.equal('')
    expect(keys.stand()).to.not.equal('')
  })

  it('at no moment of a year of rotations, however they come, is there not exactly one that signs', () => {
    let seed = 7
    const dice = (sides: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * sides)
    }
    for (let round = 0; round < 500; round += 1) {
      keys.pass(dice(2 * policy.publishFor))
      const what = dice(4)
      if (what === 0) keys.apply(rotate(keys.facts, policy, undefined))
      if (what === 1) {
        const alive = keys.facts.filter(({ state }) => state !== 'retired')
        keys.apply(revoke(keys.facts, policy, String(alive[dice(alive.length)]?.kid)) ?? [])
      }
      const states = keys.facts.map(({ state }) => state)
      expect(states.filter((state) => state === 'current').length, `round ${round}`).to.equal(1)
      expect(states.filter((state) => state === 'next').length, `round ${round}`).to.be.at.most(1)
    }
  })
})
