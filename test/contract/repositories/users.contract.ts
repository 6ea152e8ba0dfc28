import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { isDomainError } from '../../../src/domain/errors.ts'
import type { Profile } from '../../../src/domain/users/user.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleUser, token } from '../../support/samples.ts'

const WHOLE_PROFILE: Required<Profile> = {
  name: 'Ada Lovelace',
  givenName: 'Ada',
  familyName: 'Lovelace',
  middleName: 'King',
  nickname: 'countess',
  profileUrl: 'https://ada.example',
  pictureUrl: 'https://ada.example/p.png',
  websiteUrl: 'https://ada.example/w',
  gender: 'female',
  birthdate: '1815-12-10',
  zoneinfo: 'Europe/London',
  locale: 'en-GB',
  phoneNumber: '+44 20 7946 0000',
  phoneNumberVerified: true,
  address: {
    formatted: "St James's Square\nLondon",
    streetAddress: '12',
    locality: 'London',
    region: '',
    postalCode: 'SW1',
    country: 'GB',
  },
}

export function usersContract(instance: () => SqlInstance): void {
  const users = () => instance().database.users
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => 'no refusal',
      (error) => (isDomainError(error) ? error.code : error),
    )

  it('gives a user back as inserted, with every profile member', async () => {
    const user = sampleUser({ username: token('Ada-'), profile: WHOLE_PROFILE, emailVerified: true })
    const inserted = await users().insert(user)
    expect(inserted).to.deep.include({ ...user, status: 'active' })
    expect(inserted.createdAt).to.be.instanceOf(Date)
    expect(inserted.updatedAt).to.be.instanceOf(Date)
    expect(await users().find(user.id)).to.deep.equal(inserted)
  })

  it('replaces a profile whole, and nobody else’s', async () => {
    const [user, other] = [await users().insert(sampleUser()), await users().insert(sampleUser())]
    expect(await users().setProfile(user.id, WHOLE_PROFILE)).to.equal(true)
    const changed = await users().find(user.id)
    expect(changed?.profile).to.deep.equal(WHOLE_PROFILE)
    expect(changed).to.deep.include({ email: user.email, username: undefined, status: 'active' })
    expect(await users().setProfile(user.id, { name: 'Ada' })).to.equal(true)
    expect((await users().find(user.id))?.profile).to.deep.equal({ name: 'Ada' })
    expect((await users().find(other.id))?.profile).to.deep.equal({})
    expect(await users().setProfile(token(), { name: 'Nobody' })).to.equal(false)
  })

  it('leaves out what the profile does not have', async () => {
    const user = await users().insert(sampleUser())
    expect(user.profile).to.deep.equal({})
    expect(user.username).to.equal(undefined)
    expect(await users().find(token())).to.equal(undefined)
  })

  it('finds by address and username without regard to case', async () => {
    const name = token('Name')
    const { id, email } = await users().insert(sampleUser({ username: name }))
    expect((await users().findByEmail(email.toUpperCase()))?.id).to.equal(id)
    expect((await users().findByUsername(name.toLowerCase()))?.id).to.equal(id)
  })

  it('has no answer, and no error, for what cannot be stored', async () => {
    expect(await users().find('a\0')).to.equal(undefined)
    expect(await users().findByEmail('a\0@b.c')).to.equal(undefined)
    expect(await users().findByUsername('a\ud800')).to.equal(undefined)
  })

  it('refuses a second user with an address or username, ignoring case', async () => {
    const first = await users().insert(sampleUser({ username: token('Name') }))
    expect(await refusal(users().insert(sampleUser({ email: first.email.toUpperCase() })))).to.equal(
      'email_taken',
    )
    expect(await refusal(users().insert(sampleUser({ username: first.username!.toUpperCase() })))).to.equal(
      'username_taken',
    )
  })

  it('lets one of 8 have an address', async () => {
    const { email } = sampleUser()
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => refusal(users().insert(sampleUser({ email })))),
    )
    expect(answers.sort()).to.deep.equal([...Array(7).fill('email_taken'), 'no refusal'])
  })

  it('can go on in the transaction after a refusal', async () => {
    const { email, id } = await users().insert(sampleUser())
    const found = await instance().database.transaction(async (tx) => {
      expect(await refusal(tx.users.insert(sampleUser({ email })))).to.equal('email_taken')
      return tx.users.findByEmail(email)
    })
    expect(found?.id).to.equal(id)
  })

  it('marks an address verified only while it is the address', async () => {
    const { id, email } = await users().insert(sampleUser())
    expect(await users().markEmailVerified(id, 'other@example.org')).to.equal(false)
    expect((await users().find(id))?.emailVerified).to.equal(false)
    expect(await users().markEmailVerified(id, email.toLowerCase())).to.equal(true)
    expect((await users().find(id))?.emailVerified).to.equal(true)
  })

  it('sets a password, and rehashes only the one it verified', async () => {
    const { id } = await users().insert(sampleUser())
    expect(await users().passwordHash(id)).to.equal(undefined)
    await users().setPassword(id, '$one')
    await users().setPassword(id, '$two')
    expect(await users().rehashPassword(id, '$one', '$one-better')).to.equal(false)
    expect(await users().passwordHash(id)).to.equal('$two')
    expect(await users().rehashPassword(id, '$two', '$two-better')).to.equal(true)
    expect(await users().passwordHash(id)).to.equal('$two-better')
  })

  it('gives roles once', async () => {
    const { id } = await users().insert(sampleUser())
    const role = token('role-')
    expect(await users().anyoneHasRole(role)).to.equal(false)
    expect(await users().addRole(id, role)).to.equal(true)
    expect(await users().addRole(id, role)).to.equal(false)
    await users().addRole(id, 'another')
    expect(await users().roles(id)).to.deep.equal(['another', role].sort())
    expect(await users().anyoneHasRole(role)).to.equal(true)
  })

  it('gives a username to one of 8, whatever its case', async () => {
    const people = await Promise.all(Array.from({ length: 8 }, () => users().insert(sampleUser())))
    const name = token('Name')
    const taken = await Promise.all(
      people.map(({ id }, n) => users().takeUsername(n % 2 ? name : name.toUpperCase(), id)),
    )
    expect(taken.filter(Boolean)).to.have.length(1)
    const winner = people[taken.indexOf(true)]!
    expect(await users().takeUsername(name, winner.id), 'asking again changes nothing').to.equal(true)
    expect((await users().findByUsername(name))?.id).to.equal(winner.id)
    expect(await users().reserveUsername(name, token(), 60)).to.equal(false)
  })

  it('holds a name for one flow for a while, and never the name a user has', async () => {
    const { id } = await users().insert(sampleUser())
    const [held, brief, used, flow] = [token('Held'), token('Brief'), token('Used'), token()]
    expect(await users().reserveUsername(held, flow, 60)).to.equal(true)
    expect(await users().reserveUsername(held, flow, 60), 'the same flow again').to.equal(true)
    expect(await users().takeUsername(held, id)).to.equal(false)
    expect(await users().takeUsername(held, id, token())).to.equal(false)
    expect(await users().reserveUsername(held, token(), 60)).to.equal(false)
    expect(await users().reserveUsername(brief, flow, 0.1)).to.equal(true)
    await sleep(160)
    expect(await users().takeUsername(brief, id)).to.equal(true)
    const other = await users().insert(sampleUser())
    const [second, secondFlow] = [token('Held'), token()]
    await users().reserveUsername(second, secondFlow, 60)
    expect(await users().takeUsername(second, other.id, secondFlow)).to.equal(true)
    await users().insert(sampleUser({ username: used }))
    expect(await users().reserveUsername(used, token(), 60)).to.equal(false)
  })

  it('names no value in the error of a statement that failed', async () => {
    const error = await users()
      .setPassword(token('nobody-'), '$argon2id$secret')
      .catch((thrown) => thrown)
    expect(error).to.be.instanceOf(Error)
    expect(`${error.message} ${error.stack}`).to.not.include('secret')
  })
}
