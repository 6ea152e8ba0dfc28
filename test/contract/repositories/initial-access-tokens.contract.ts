import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { NewInitialAccessToken } from '../../../src/domain/clients/initial-access-token.ts'
import { UnitClients } from '../../../src/storage/sql/unit-clients.ts'
import { UnitLost } from '../../../src/storage/unit-of-work.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, token } from '../../support/samples.ts'

export function initialAccessTokensContract(instance: () => SqlInstance): void {
  const tokens = () => instance().database.initialAccessTokens
  const sample = (more: Partial<NewInitialAccessToken> = {}): NewInitialAccessToken => ({
    ...{ id: token('iat_'), name: 'for the shop', digest: randomBytes(32), policy: { scopes: ['openid'] } },
    ...{ usesLeft: 2, maxClients: undefined, ttlSeconds: 60 },
    ...more,
  })
  const register = async (id: string) => {
    const made = sampleClient()
    const found = (await tokens().list()).find((one) => one.id === id)!
    await new UnitClients(instance().units).register(made, { kind: 'token', token: found })
    return made
  }
  const lost = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error) => error instanceof UnitLost && error.model,
    )

  it('finds a token by any of its digests, and gives it back as it was made', async () => {
    const made = sample()
    await tokens().insert(made)
    const found = await tokens().find([randomBytes(32), made.digest])
    expect(found).to.include({ id: made.id, name: made.name, usesLeft: 2, maxClients: undefined, clients: 0 })
    expect(found?.policy).to.deep.equal(made.policy)
    expect(Number(found?.expiresAt) - Number(found?.createdAt)).to.be.closeTo(60_000, 1000)
    expect(await tokens().find([randomBytes(32)])).to.equal(undefined)
    expect((await tokens().list()).map(({ id }) => id)).to.include(made.id)
  })

  it('refuses a second token of one digest', async () => {
    const made = sample()
    await tokens().insert(made)
    const again = await tokens()
      .insert({ ...made, id: token('iat_') })
      .catch((error) => error.code)
    expect(again).to.equal('23505')
  })

  it('is used up by one with each client, and takes the client with it when nothing is left', async () => {
    const made = sample({ usesLeft: 1 })
    await tokens().insert(made)
    const { id } = await register(made.id)
    expect(await lost(register(made.id))).to.equal('InitialAccessToken')
    const found = await tokens().find([made.digest])
    expect(found).to.include({ usesLeft: 0, clients: 1 })
    expect(await tokens().admissionOf(id)).to.deep.equal({ kind: 'token', token: found })
  })

  it('counts the clients that are there by it', async () => {
    const made = sample({ usesLeft: undefined, maxClients: 1 })
    await tokens().insert(made)
    const { id } = await register(made.id)
    expect(await lost(register(made.id))).to.equal('InitialAccessToken')
    await instance().database.clients.delete(id)
    expect(await tokens().find([made.digest])).to.include({ clients: 0 })
    await register(made.id)
  })

  it('is good for nothing once it is revoked or over; revoking twice says so', async () => {
    const [made, short] = [sample(), sample({ ttlSeconds: 0 })]
    for (const one of [made, short]) await tokens().insert(one)
    expect(await tokens().revoke(made.id)).to.equal(true)
    expect(await tokens().revoke(made.id)).to.equal(false)
    for (const id of ['iat_none', '\0']) expect(await tokens().revoke(id)).to.equal(false)
    for (const { id } of [made, short]) expect(await lost(register(id))).to.equal('InitialAccessToken')
  })

  it('tells what let a client in', async () => {
    const open = sampleClient()
    await new UnitClients(instance().units).register(open, { kind: 'open' })
    expect(await tokens().admissionOf(open.id)).to.deep.equal({ kind: 'open' })
    for (const id of [sampleClient().id, '\0'])
      expect(await tokens().admissionOf(id)).to.deep.equal({ kind: 'operator' })
  })
}
