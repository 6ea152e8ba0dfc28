import { expect } from 'chai'
import {
  type ArtifactModel,
  type ArtifactPayload,
  ParentGoneError,
} from '../../src/storage/artifact-store.ts'
import type { SqlInstance } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { token } from '../support/samples.ts'

const UNDER_GRANT: ArtifactModel[] = [
  'AuthorizationCode',
  'RefreshToken',
  'AccessToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
]

/** What every ArtifactStore holds when access ends: by grant, account, client or session. */
export function artifactRevocationContract(instance: () => SqlInstance): void {
  const store = () => instance().artifacts
  const grant = async (payload: ArtifactPayload = {}) => {
    const id = token('grant-')
    await store().upsert('Grant', id, payload, 60)
    return id
  }

  for (const model of UNDER_GRANT) {
    it(`refuses a ${model} under a grant that is gone, and removes it with its grant`, async () => {
      const [grantId, id] = [await grant(), token()]
      expect(await failure(store().upsert(model, token(), { grantId: token() }, 60))).to.be.instanceOf(
        ParentGoneError,
      )
      await store().upsert(model, id, { grantId }, 600)
      await store().destroy('Grant', grantId)
      expect(await store().find(model, id)).to.equal(undefined)
      expect(await failure(store().upsert(model, id, { grantId }, 60))).to.be.instanceOf(ParentGoneError)
    })

    it(`revokes every ${model} of a grant and only them`, async () => {
      const [mine, other] = [await grant(), await grant()]
      const ids = [token(), token(), token()] as const
      await store().upsert(model, ids[0], { grantId: mine }, 60)
      await store().upsert(model, ids[1], { grantId: mine }, 60)
      await store().upsert(model, ids[2], { grantId: other }, 60)
      await store().revokeByGrantId(model, mine)
      const left = await Promise.all(ids.map((id) => store().find(model, id)))
      expect(left.map((found) => found !== undefined)).to.deep.equal([false, false, true])
      expect(await store().find('Grant', mine), 'the grant itself stays').to.not.equal(undefined)
    })
  }

  it('moves an artifact to the grant it was last written with', async () => {
    const [first, second, id] = [await grant(), await grant(), token()]
    await store().upsert('DeviceCode', id, { userCode: token() }, 60)
    await store().upsert('DeviceCode', id, { grantId: first }, 60)
    await store().upsert('DeviceCode', id, { grantId: second }, 60)
    await store().destroy('Grant', first)
    expect(await store().find('DeviceCode', id)).to.include({ grantId: second })
  })

  it('ends everything of an account and nothing of another', async () => {
    const accounts = [token(), token()] as const
    const everything = async (accountId: string) => {
      const grantId = await grant({ accountId })
      const ids: [ArtifactModel, string][] = [['Grant', grantId]]
      for (const model of UNDER_GRANT) {
        ids.push([model, token('with-')], [model, token('without-')])
        await store().upsert(model, ids.at(-2)![1], { accountId, grantId }, 60)
        await store().upsert(model, ids.at(-1)![1], { accountId }, 60)
      }
      ids.push(['Session', token()], ['Interaction', token()])
      await store().upsert('Session', ids.at(-2)![1], { accountId, uid: token() }, 60)
      await store().upsert('Interaction', ids.at(-1)![1], { result: { login: { accountId } } }, 60)
      return ids
    }
    const [ended, kept] = [await everything(accounts[0]), await everything(accounts[1])]
    await instance().database.access.revokeAccount(accounts[0])
    for (const [model, id] of ended) expect(await store().find(model, id), model).to.equal(undefined)
    for (const [model, id] of kept) expect(await store().find(model, id), model).to.not.equal(undefined)
  })

  it('does not let a request in flight bring an ended session back, under its old id or a new one', async () => {
    const [accountId, uid, id] = [token(), token(), token()]
    await store().upsert('Session', id, { uid, accountId }, 60)
    await instance().database.access.revokeAccount(accountId)
    expect(await failure(store().upsert('Session', id, { uid, accountId }, 60))).to.be.instanceOf(
      ParentGoneError,
    )
    expect(await failure(store().upsert('Session', token(), { uid, accountId }, 60))).to.be.instanceOf(
      ParentGoneError,
    )
    expect(await store().findSessionsByAccount(accountId)).to.deep.equal([])
    await store().upsert('Session', id, { uid: token(), accountId }, 60)
    expect(await store().findSessionsByAccount(accountId), 'a new sign-in is a new session').to.have.length(1)
  })

  it('ends one session for good, and rotates the id of another', async () => {
    const [accountId, ended, rotated, old] = [token(), token(), token(), token()]
    await store().upsert('Session', token(), { uid: ended, accountId }, 60)
    await store().upsert('Session', old, { uid: rotated, accountId }, 60)
    await store().endSession(ended)
    expect(await failure(store().upsert('Session', token(), { uid: ended, accountId }, 60))).to.be.instanceOf(
      ParentGoneError,
    )
    await store().destroy('Session', old)
    await store().upsert('Session', token(), { uid: rotated, accountId }, 60)
    expect(await store().findByUid(rotated)).to.include({ accountId })
  })

  it('ends everything of a client and nothing of another', async () => {
    const everything = async (clientId: string) => {
      const grantId = await grant({ clientId })
      const ids: [ArtifactModel, string][] = [['Grant', grantId]]
      for (const model of UNDER_GRANT) {
        ids.push([model, token()], [model, token()])
        await store().upsert(model, ids.at(-2)![1], { clientId, grantId }, 60)
        await store().upsert(model, ids.at(-1)![1], { clientId }, 60)
      }
      for (const model of [
        'ClientCredentials',
        'RegistrationAccessToken',
        'PushedAuthorizationRequest',
      ] as const) {
        ids.push([model, token()])
        await store().upsert(model, ids.at(-1)![1], { clientId }, 60)
      }
      return ids
    }
    const clients = [token(), token()] as const
    const [ended, kept] = [await everything(clients[0]), await everything(clients[1])]
    await instance().database.access.revokeClient(clients[0])
    for (const [model, id] of ended) expect(await store().find(model, id), model).to.equal(undefined)
    for (const [model, id] of kept) expect(await store().find(model, id), model).to.not.equal(undefined)
  })
}
