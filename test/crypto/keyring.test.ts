/** The keyring by itself: one key, two keys, one that is to come; what each still recognises; what it costs. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { DataKey } from '../../src/crypto/data-key.ts'
import { Keyring } from '../../src/crypto/keyring.ts'

const DAY = 86_400
const key = (version: number) => new DataKey(version, randomBytes(32))

describe('keyring', () => {
  const [one, two, three] = [key(1), key(2), key(3)]
  const holding = (...keys: [DataKey, activeIn: number][]) => {
    const keyring = new Keyring()
    keyring.load(keys.map(([it, activeIn]) => ({ key: it, activeIn })))
    return keyring
  }

  it('refuses all work before the keys are there', () => {
    const empty = new Keyring()
    const uses = [
      () => empty.hashId('Session', 'x'),
      () => empty.idHashes('Session', 'x'),
      () => empty.digest('device', 'x'),
      () => empty.digests('device', 'x'),
      () => empty.seal('here', 'x'),
      () => empty.open('here', Buffer.of(1)),
      () => empty.version,
    ]
    for (const use of uses) expect(use).to.throw(/not loaded yet/)
    expect(() => empty.load([])).to.throw('no data key is active yet')
    expect(() => empty.load([{ key: one, activeIn: 60 }])).to.throw('no data key is active yet')
  })

  it('derives the same again from the same master, and nothing in common from another', () => {
    const master = randomBytes(32)
    const [here, there, other] = [
      new Keyring(master),
      new Keyring(Buffer.from(master)),
      new Keyring(randomBytes(32)),
    ]
    expect(here.hashId('Session', 'x')).to.deep.equal(there.hashId('Session', 'x'))
    expect(here.hashId('Session', 'x')).to.not.deep.equal(other.hashId('Session', 'x'))
    expect(here.hashId('Session', 'x')).to.not.deep.equal(here.hashId('Grant', 'x'))
    expect(here.digest('device', 'x')).to.not.deep.equal(here.digest('setup', 'x'))
    expect(there.open('here', here.seal('here', 'väl'))).to.equal('väl')
    expect(() => other.open('here', here.seal('here', 'x'))).to.throw(/cannot be opened/)
  })

  it('has one form of each id while there is one key, and the current one first when there are two', () => {
    expect(holding([one, 0]).idHashes('Grant', 'g')).to.deep.equal([one.hashId('Grant', 'g')])
    const rotated = holding([one, -90], [two, -30])
    expect(rotated.version).to.equal(2)
    expect(rotated.hashId('Grant', 'g')).to.deep.equal(two.hashId('Grant', 'g'))
    expect(rotated.idHashes('Grant', 'g')).to.deep.equal([two.hashId('Grant', 'g'), one.hashId('Grant', 'g')])
    expect(rotated.digests('device', 'd')).to.deep.equal([
      two.digest('device', 'd'),
      one.digest('device', 'd'),
    ])
  })

  it('knows what comes before it is written with, and turns to it by itself', async () => {
    const early = holding([one, -90], [two, 0.1])
    expect(early.version).to.equal(1)
    // A node whose clock runs a moment ahead of ours writes with it already.
    expect(early.idHashes('Grant', 'g')).to.deep.equal([one.hashId('Grant', 'g'), two.hashId('Grant', 'g')])
    expect(early.open('here', two.seal('here', 'x'))).to.equal('x')
    await sleep(150)
    expect(early.version).to.equal(2)
    expect(early.idHashes('Grant', 'g')).to.deep.equal([two.hashId('Grant', 'g'), one.hashId('Grant', 'g')])
  })

  it('opens what any of its keys sealed, and nothing that was changed or moved', () => {
    const before = holding([one, 0]).seal('t.c:1', 'secret')
    const rotated = holding([one, -90], [two, -30])
    expect(rotated.open('t.c:1', before)).to.equal('secret')
    expect(rotated.seal('t.c:1', 'secret')[0]).to.equal(2)
    expect(() => rotated.open('t.c:2', before)).to.throw('"t.c:2" cannot be opened')
    for (let at = 1; at < before.length; at += 1) {
      const changed = Buffer.from(before)
      changed[at]! ^= 1
      expect(() => rotated.open('t.c:1', changed), `byte ${at}`).to.throw('cannot be opened')
    }
    const relabelled = Buffer.from(before)
    relabelled[0] = 2
    expect(() => rotated.open('t.c:1', relabelled)).to.throw('cannot be opened')
    expect(() => holding([two, 0]).open('t.c:1', before)).to.throw('under data key 1, which is not here')
  })

  it('forgets a former key for what cannot be that old', () => {
    const rotated = holding([one, -9 * DAY], [two, -2 * DAY])
    expect(rotated.digests('mail-link', 'p', DAY)).to.deep.equal([two.digest('mail-link', 'p')])
    expect(rotated.digests('mail-link', 'p', 3 * DAY).length).to.equal(2)
    const fresh = holding([one, -9 * DAY], [two, -10], [three, 20])
    expect(fresh.digests('mail-link', 'p', DAY)).to.deep.equal([
      two.digest('mail-link', 'p'),
      three.digest('mail-link', 'p'),
      one.digest('mail-link', 'p'),
    ])
  })

  it('refuses a version that is no byte, and a master that is short', () => {
    for (const version of [0, 256, 1.5]) expect(() => key(version), String(version)).to.throw(RangeError)
    expect(() => new DataKey(1, randomBytes(31))).to.throw(RangeError, '32 bytes')
  })
})
