/** Declares a group of checks: one provider per stack, one test per check. */
import { STACKS } from '../../support/start-app.ts'
import type { Check } from './check.ts'
import { startWorld, type World } from './world.ts'

export function conform(group: string, checks: readonly Check[]): void {
  for (const stack of STACKS) {
    describe(`conformance: ${group} (${stack})`, function () {
      this.timeout(60_000)
      let world: World
      before(async () => {
        world = await startWorld(stack)
      })
      after(() => world?.close())
      for (const { name, section, title, run } of checks)
        it(`${name}: ${title} (${section})`, async () => {
          await run(await world.begin())
        })
    })
  }
}
