/** A process of its own that keeps sign-ins waiting until it is told to stop, so that no timer of the measurement waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, browserOf, signIn, TurnedAway } from '../lib/browser.ts'
import { FOREIGN_APP, type Person } from '../lib/clients.ts'
import { type Address, Connection } from '../lib/http.ts'

export interface SignInLoad {
  address: Address
  workers: number
  people: Person[]
}

export interface SignInsDone {
  perSecond: number
  turnedAway: number
}

const RETRY_MS = 200

process.once('message', async ({ address, workers, people }: SignInLoad) => {
  const connection = new Connection(address, workers)
  let next = 0
  let signedIn = 0
  let stopped = false
  process.once('message', () => {
    stopped = true
  })
  const one = async () => {
    const number = next
    next += 1
    const browser = browserOf(connection, addressOf(100_000 + number))
    try {
      await signIn(browser, connection, FOREIGN_APP.client_id, people[number % people.length])
      signedIn += 1
    } catch (error) {
      if (!(error instanceof TurnedAway)) throw error
      await sleep(RETRY_MS)
    }
  }
  const started = performance.now()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (!stopped) await one()
    }),
  )
  connection.close()
  const answer: SignInsDone = {
    perSecond: (signedIn * 1000) / (performance.now() - started),
    turnedAway: next - signedIn,
  }
  process.send?.(answer)
})
process.on('disconnect', () => process.exit())
