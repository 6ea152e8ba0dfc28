import { expect } from 'chai'
import { isDomainError } from '../../../src/domain/errors.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleUser, token } from '../../support/samples.ts'

export function peopleContract(instance: () => SqlInstance): void {
  const database = () => instance().database
  const newOwner = async () => {
    const { id } = await database().users.insert(sampleUser())
    await database().users.addRole(id, 'owner')
    return id
  }

  const owners = (): Promise<string[]> =>
    instance()
      .connection.knex('user_roles')
      .join('users', 'users.id', 'user_roles.user_id')
      .where({ role: 'owner', status: 'active' })
      .pluck('user_id')

  it('raises the version with every change, whoever makes it', async () => {
    const { id } = await database().users.insert(sampleUser())
    const version = async () => (await database().people.find(id))?.version
    expect(await version()).to.equal(1)
    await database().users.setStatus(id, 'disabled')
    expect(await version()).to.equal(2)
    await database().access.revokeAccount(id)
    expect(await version()).to.equal(3)
    expect(await database().people.change(id, 2, { profile: { name: 'Late' } })).to.equal(false)
    expect(await database().people.change(id, 3, { profile: { name: 'In time' } })).to.equal(true)
    expect(await version()).to.equal(4)
  })

  it('of 16 changes of one version one is made', async () => {
    const { id } = await database().users.insert(sampleUser())
    const made = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        database().people.change(id, 1, { profile: { name: `${index}` } }),
      ),
    )
    expect(made.filter(Boolean)).to.have.length(1)
  })

  it('takes proof from another address, not from the same in other letters', async () => {
    const user = await database().users.insert(sampleUser({ emailVerified: true }))
    await database().people.change(user.id, undefined, { email: user.email.toUpperCase() })
    expect(await database().users.find(user.id)).to.include({ emailVerified: true })
    await database().people.change(user.id, undefined, { email: `${token('b')}@example.org` })
    expect(await database().users.find(user.id)).to.include({ emailVerified: false })
  })

  it('a new telephone number is not a proven one', async () => {
    const { id } = await database().users.insert(
      sampleUser({ profile: { phoneNumber: '+43 1 1', phoneNumberVerified: true } }),
    )
    await database().people.change(id, undefined, { profile: { phoneNumber: '+43 1 2' } })
    expect((await database().users.find(id))?.profile).to.deep.equal({ phoneNumber: '+43 1 2' })
  })

  it('of all owners who are removed at once by every way, one stays', async () => {
    // Each round adds four to the one that stayed, and removes all five.
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 4 }, newOwner))
      const ids = await owners()
      const ways = [
        (id: string) => database().people.removeRole(id, 'owner'),
        (id: string) => database().users.setStatus(id, 'disabled'),
        (id: string) => database().users.delete(id),
        (id: string) => database().transaction(({ users }) => users.delete(id)),
      ]
      const ended = await Promise.allSettled(ids.map((id, index) => ways[(index + round) % 4]?.(id)))
      for (const result of ended)
        if (result.status === 'rejected') expect(isDomainError(result.reason, 'last_owner')).to.equal(true)
      expect(await owners()).to.have.length(1)
    }
  })
}
