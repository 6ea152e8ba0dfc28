import { expect } from 'chai'
import { isDomainError } from '../../../src/domain/errors.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, sampleUser } from '../../support/samples.ts'

export function consentsContract(instance: () => SqlInstance): void {
  const consents = () => instance().database.consents
  const pair = async () => {
    const [user, client] = [sampleUser(), sampleClient()]
    await instance().database.users.insert(user)
    await instance().database.clients.save(client)
    return { userId: user.id, clientId: client.id }
  }

  it('adds to what is remembered and never takes away', async () => {
    const ids = await pair()
    expect(await consents().find(ids.userId, ids.clientId)).to.equal(undefined)
    await consents().remember({
      ...ids,
      scopes: ['openid', 'email'],
      claims: [],
      resources: { 'urn:a': ['read'], 'urn:empty': [] },
    })
    await consents().remember({
      ...ids,
      scopes: ['openid', 'profile'],
      claims: ['phone "x", {y}'],
      resources: { 'urn:a': ['write'], 'urn:b': ['x'] },
    })
    const found = await consents().find(ids.userId, ids.clientId)
    expect(found).to.deep.include({ ...ids, claims: ['phone "x", {y}'] })
    expect(found?.scopes).to.have.members(['openid', 'email', 'profile'])
    expect(found?.resources['urn:a']).to.have.members(['read', 'write'])
    expect(found?.resources).to.deep.include({ 'urn:b': ['x'], 'urn:empty': [] })
  })

  it('takes back what is refused later, and nothing else', async () => {
    const ids = await pair()
    const consent = {
      ...ids,
      scopes: ['openid', 'email', 'phone'],
      claims: ['name'],
      resources: { r: ['x'] },
    }
    await consents().remember(consent)
    await consents().withdraw(ids.userId, ids.clientId, ['email', 'never granted'])
    const found = await consents().find(ids.userId, ids.clientId)
    expect(found?.scopes).to.have.members(['openid', 'phone'])
    expect(found).to.deep.include({ claims: ['name'], resources: { r: ['x'] } })
  })

  it('keeps what 8 pages remember at once', async () => {
    const ids = await pair()
    const names = Array.from({ length: 8 }, (_, n) => `scope${n}`)
    await Promise.all(
      names.map((scope) =>
        consents().remember({ ...ids, scopes: [scope], claims: [scope], resources: { r: [scope] } }),
      ),
    )
    const found = await consents().find(ids.userId, ids.clientId)
    expect(found?.scopes).to.have.members(names)
    expect(found?.claims).to.have.members(names)
    expect(found?.resources.r).to.have.members(names)
  })

  it('forgets when asked to, and when the application goes', async () => {
    const ids = await pair()
    const consent = { ...ids, scopes: ['openid'], claims: [], resources: {} }
    await consents().remember(consent)
    await instance().database.access.withdrawConsent(ids.userId, ids.clientId)
    expect(await consents().find(ids.userId, ids.clientId)).to.equal(undefined)
    await consents().remember(consent)
    await instance().database.clients.delete(ids.clientId)
    expect(await consents().find(ids.userId, ids.clientId)).to.equal(undefined)
    const refused = await consents()
      .remember(consent)
      .catch((error) => error)
    expect(isDomainError(refused, 'not_found')).to.equal(true)
  })
}
