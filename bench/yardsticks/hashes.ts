/**
 * Yardstick 3: how many passwords this machine can hash with the product's parameters when it does nothing else.
 * Asked by message with the seconds it may take; answers with hashes a second and what one costs.
 */
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash } from '@node-rs/argon2'

const [memoryCost, timeCost, parallelism] = process.argv.slice(2).map(Number) as [number, number, number]
const input = randomBytes(32)

process.on('message', async (seconds: number) => {
  let count = 0
  const cpu = process.cpuUsage()
  const started = performance.now()
  const end = started + seconds * 1000
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (; performance.now() < end; count += 1)
        await hash(input, { memoryCost, timeCost, parallelism, outputLen: 32 })
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  process.send?.({
    perSecond: (count * 1000) / (performance.now() - started),
    cpu: (user + system) / 1000 / count,
  })
})
process.on('disconnect', () => process.exit())
