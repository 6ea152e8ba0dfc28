/**
 * Every check is seen to fail when what it guards is broken: each runs against a provider whose answers are altered on
 * the wire by the breakages it names. A check without a breakage does not compile (`harness/check.ts`).
 */
import { AssertionError, expect } from 'chai'
import { GROUPS } from './checks/groups.ts'
import type { Check } from './harness/check.ts'
import type { Mutation } from './harness/wire.ts'
import { startWorld, type World } from './harness/world.ts'

const ALL: readonly Check[] = Object.values(GROUPS).flat()

/** What the check said under the breakage; fails when it was content, stumbled, or never met the breakage. */
async function seenToFail(world: World, { run }: Check, mutation: Mutation): Promise<void> {
  const op = await world.begin(mutation)
  const thrown = await run(op).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(op.wire.altered, 'answers that the breakage reached').to.be.above(0)
  expect(thrown, 'the check noticed nothing').to.not.equal(undefined)
  if (!(thrown instanceof AssertionError)) throw thrown
}

describe('conformance: every check can fail', function () {
  this.timeout(60_000)
  let world: World
  before(async () => {
    world = await startWorld('postgres+redis')
  })
  after(() => world?.close())

  it('names are used once, and at least 150 behaviours are checked', () => {
    const names = ALL.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).to.deep.equal([])
    expect(names.length).to.be.at.least(150)
  })

  for (const one of ALL)
    for (const mutation of one.brokenBy)
      it(`${one.name} fails when the provider ${mutation.what}`, () => seenToFail(world, one, mutation))
})
