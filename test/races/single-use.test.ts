/**
 * One effect per single-use thing (invariant I1, figure 1 of the security targets), over the wire: two nodes on one
 * Postgres, twenty at once spread over both, round after round, for every kind of thing there is.
 */
import { expect } from 'chai'
import { times } from '../support/faults.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { tally } from './single-use-judges.ts'
import { KINDS, PARALLEL } from './single-use-kinds.ts'
import { World } from './single-use-world.ts'

const ROUNDS = times(4, 100)

describe(`used once on two nodes (${ROUNDS} rounds of ${PARALLEL})`, function () {
  this.timeout(times(120_000, 1_800_000))
  let world: World
  let jane: UserAgent

  before(async () => {
    world = await World.start()
    jane = await world.register('jane@example.org')
  })
  after(() => world?.stop())

  afterEach(() => {
    expect(world.nodes.takeServerErrors(), 'what the logs say').to.deep.equal([])
  })

  for (const [kind, { make }] of Object.entries(KINDS)) {
    it(kind, async () => {
      const wrong: string[] = []
      for (let round = 0; round < ROUNDS; round += 1) {
        const thing = await make(world, jane, round)
        const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, index) => thing.use(index)))
        const verdict = await thing.judge(answers)
        if (verdict) wrong.push(`round ${round}: ${verdict} (${tally(answers)})`)
      }
      expect(wrong, `${wrong.length} of ${ROUNDS} rounds`).to.deep.equal([])
    })
  }
})
