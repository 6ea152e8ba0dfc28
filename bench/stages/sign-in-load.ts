/** A process of its own that keeps sign-ins waiting until it is told to stop, so that no timer of the measurement waits. */
import { addressOf, browserOf, signIn } from '../lib/browser.ts'
import { FOREIGN_APP, type Person } from '../lib/clients.ts'
import { type Address, Connection } from '../lib/http.ts'

export interface SignInLoad {
  address: Address
  workers: number
  people: Person[]
}

process.once('message', async ({ address, workers, people }: SignInLoad) => {
  const connection = new Connection(address, workers)
  let next = 0
  let stopped = false
  process.once('message', () => {
    stopped = true
  })
  const started = performance.now()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (; !stopped; ) {
        const number = next
        next += 1
        const person = people[number % people.length] as Person
        await signIn(
          browserOf(connection, addressOf(100_000 + number)),
          connection,
          FOREIGN_APP.client_id,
          person,
        )
      }
    }),
  )
  connection.close()
  process.send?.({ perSecond: (next * 1000) / (performance.now() - started) })
})
process.on('disconnect', () => process.exit())
