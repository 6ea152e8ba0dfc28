/** Mocha's own "spec" output, and at the end the counts in the file that `test/run.ts` asked for. */
import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options)
    runner.once('end', () => {
      const file = process.env.TEST_RESULT_FILE
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {}
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending }))
    })
  }
}
