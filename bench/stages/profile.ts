/** `--profile`: where the server's time goes in one flow. The measuring costs some itself: read shares, not times. */
import { freePort } from '../../test/support/services.ts'
import { profiled } from '../lib/inspector.ts'
import { measure } from '../lib/measure.ts'
import type { FlowName } from '../lib/options.ts'
import type { Product } from '../lib/product.ts'
import { describeProfile } from '../lib/profile-report.ts'
import { Subject } from '../lib/subject.ts'

const WARM_UP_S = 4
const SECONDS = 8

export async function profile(product: Product, flow: FlowName, workers: number): Promise<string> {
  const port = await freePort()
  await product.end()
  await product.run([`--inspect=127.0.0.1:${port}`])
  const subject = await Subject.prepare(product.address, workers, (worker) => product.person(worker))
  const operation = subject.operation(flow)
  await measure(operation, { workers, seconds: WARM_UP_S }, product.watched)
  let operations = 0
  const taken = await profiled(port, async () => {
    const sample = await measure(operation, { workers, seconds: SECONDS }, product.watched)
    operations = sample.operations
  })
  subject.close()
  return `## ${flow}: ${operations} operations in ${SECONDS} s\n\n${describeProfile(taken)}`
}
