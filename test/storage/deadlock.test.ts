/** Two transactions that wait for each other: Postgres ends one, and it is begun anew. */
import { expect } from 'chai'
import { type SqlInstance, sqlBackends } from '../support/backends.ts'
import { sampleUser } from '../support/samples.ts'

describe('a deadlock', () => {
  let stores: SqlInstance & { dispose(): Promise<void> }
  before(async () => {
    const postgres = sqlBackends.find(({ name }) => name === 'postgres')
    stores = (await postgres?.fresh()) as typeof stores
  })
  after(() => stores?.dispose())

  it('costs time and nothing else', async () => {
    const people = [sampleUser(), sampleUser()] as const
    for (const person of people) await stores.database.users.insert(person)
    let begun = 0
    let meet = () => {}
    const bothBegan = new Promise<void>((resolve) => {
      meet = resolve
    })
    const cross = (first: string, second: string) =>
      stores.database.transaction(async ({ users }) => {
        await users.setStatus(first, 'disabled')
        begun += 1
        if (begun === 2) meet()
        await bothBegan
        await users.setStatus(second, 'disabled')
      })
    await Promise.all([cross(people[0].id, people[1].id), cross(people[1].id, people[0].id)])
    expect(begun, 'one of them began twice').to.equal(3)
    for (const { id } of people)
      expect(await stores.database.users.find(id)).to.include({ status: 'disabled' })
  })
})
