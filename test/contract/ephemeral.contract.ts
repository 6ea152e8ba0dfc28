import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { EphemeralInstance } from '../support/backends.ts'
import { token } from '../support/samples.ts'

const SHORT = 0.2
const past = () => sleep(SHORT * 1000 + 60)

/** What is seen while what was done lives; done again while the machine is too busy to look in time. */
async function seenWithin<T>(
  seconds: number,
  act: () => Promise<unknown>,
  look: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const begun = performance.now()
    await act()
    const seen = await look()
    if (performance.now() - begun < seconds * 1000) return seen
  }
}

/** What every Ephemeral holds. */
export function ephemeralContract(instance: () => EphemeralInstance): void {
  const store = () => instance().ephemeral

  it('keeps a value for its lifetime, replaces and deletes it', async () => {
    const key = token()
    await store().put(key, 'one', 60)
    await store().put(key, 'two', 60)
    expect(await store().get(key)).to.equal('two')
    await store().delete(key)
    await store().delete(key)
    expect(await store().get(key)).to.equal(undefined)
    expect(
      await seenWithin(
        SHORT,
        () => store().put(key, 'short', SHORT),
        () => store().get(key),
      ),
    ).to.equal('short')
    await past()
    expect(await store().get(key)).to.equal(undefined)
    expect(await store().take(key)).to.equal(undefined)
  })

  it('keeps any text, under any key', async () => {
    for (const key of [
      `${token()}\0nul`,
      `${token()}${'k'.repeat(5000)}`,
      `${token()}\ud800`,
      `${token()} ü 日本`,
    ]) {
      await store().put(key, '{"ü":"\\u0000 日本 \\""}', 60)
      expect(await store().get(key)).to.equal('{"ü":"\\u0000 日本 \\""}')
      expect((await store().increment(`${key}-count`, 60)).count).to.equal(1)
    }
  })

  it('stores once among 16, and again when it expired', async () => {
    const key = token()
    const calls = Array.from({ length: 16 }, (_, n) => store().putOnce(key, `v${n}`, 60))
    const wins = await Promise.all(calls)
    expect(wins.filter(Boolean)).to.have.length(1)
    expect(await store().get(key)).to.equal(`v${wins.indexOf(true)}`)
    // Under a key of its own: a value that lives short may be gone before the last of 16 came.
    const brief = token()
    expect(await store().putOnce(brief, 'first', SHORT)).to.equal(true)
    await past()
    const again = Array.from({ length: 16 }, (_, n) => store().putOnce(brief, `v${n}`, 60))
    const winsAgain = await Promise.all(again)
    expect(winsAgain.filter(Boolean)).to.have.length(1)
    expect(await store().get(brief)).to.equal(`v${winsAgain.indexOf(true)}`)
  })

  it('gives a value to one of 16 that take it', async () => {
    const key = token()
    await store().put(key, 'prize', 60)
    const taken = await Promise.all(Array.from({ length: 16 }, () => store().take(key)))
    expect(taken.filter((value) => value === 'prize')).to.have.length(1)
    expect(taken.filter((value) => value === undefined)).to.have.length(15)
    expect(await store().get(key)).to.equal(undefined)
  })

  it('counts every one of 16 increments', async () => {
    const key = token()
    const counters = await Promise.all(Array.from({ length: 16 }, () => store().increment(key, 60)))
    expect(counters.map(({ count }) => count).sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: 16 }, (_, n) => n + 1),
    )
    for (const { resetsInSeconds } of counters) expect(resetsInSeconds).to.be.within(55, 60)
  })

  it('adds and takes away, never below zero, and forgets when deleted', async () => {
    const key = token()
    const count = async (by?: number) => (await store().increment(key, 60, by)).count
    expect([await count(5), await count(-2), await count(-9), await count(), await count(0)]).to.deep.equal([
      5, 3, 0, 1, 1,
    ])
    await store().delete(key)
    expect(await count(-3)).to.equal(0)
  })

  it('sets the lifetime of a counter with the first increment only', async () => {
    const key = token()
    const second = await seenWithin(
      SHORT,
      async () => {
        await store().delete(key)
        await store().increment(key, SHORT)
      },
      () => store().increment(key, 60),
    )
    expect(second).to.deep.equal({ count: 2, resetsInSeconds: 1 })
    await past()
    const renewed = await store().increment(key, 60)
    expect(renewed.count).to.equal(1)
    expect(renewed.resetsInSeconds).to.be.within(58, 60)
  })
}
