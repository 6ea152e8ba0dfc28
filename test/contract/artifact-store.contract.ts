import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  ARTIFACT_MODELS,
  type ArtifactModel,
  type ArtifactPayload,
  ParentGoneError,
} from '../../src/storage/artifact-store.ts'
import { isUnstorable } from '../../src/storage/faults.ts'
import type { SqlInstance } from '../support/backends.ts'
import { token } from '../support/samples.ts'

const CONSUMABLE: ArtifactModel[] = [
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PushedAuthorizationRequest',
]
const UNDER_GRANT: ArtifactModel[] = [
  'AuthorizationCode',
  'RefreshToken',
  'AccessToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
]
const SHORT = 0.15
const past = () => sleep(SHORT * 1000 + 50)

/** What every ArtifactStore holds. */
export function artifactStoreContract(instance: () => SqlInstance): void {
  const store = () => instance().artifacts
  const grant = async (payload: ArtifactPayload = {}, ttl: number | undefined = 60) => {
    const id = token('grant-')
    await store().upsert('Grant', id, payload, ttl)
    return id
  }

  for (const model of ARTIFACT_MODELS) {
    it(`gives a ${model} back as it was, unknown members included, with its jti`, async () => {
      const id = token()
      const payload = {
        jti: id,
        kind: model,
        exp: 12,
        nested: { list: [1, 'two', null, { three: true }] },
        'ü "\\u0000': '\\',
      }
      await store().upsert(model, id, payload, 60)
      expect(await store().find(model, id)).to.deep.equal(payload)
      expect(await store().find(model, `${id}x`)).to.equal(undefined)
    })

    it(`does not find an expired ${model}, and purges it`, async () => {
      const [short, lasting] = [token(), token()]
      await store().upsert(model, short, {}, SHORT)
      await store().upsert(model, lasting, {}, undefined)
      await past()
      expect(await store().find(model, short)).to.equal(undefined)
      expect(await store().purgeExpired(1000)).to.be.greaterThan(0)
      expect(await store().find(model, lasting)).to.include({ jti: lasting })
    })

    it(`replaces and destroys a ${model}`, async () => {
      const id = token()
      await store().upsert(model, id, { step: 1, first: true }, SHORT)
      await store().upsert(model, id, { step: 2 }, 60)
      await past()
      expect(await store().find(model, id)).to.deep.equal({ jti: id, step: 2 })
      await store().destroy(model, id)
      await store().destroy(model, id)
      expect(await store().find(model, id)).to.equal(undefined)
    })
  }

  it('keeps models apart: an id of one is none of another', async () => {
    const id = token()
    await store().upsert('AccessToken', id, {}, 60)
    expect(await store().find('RefreshToken', id)).to.equal(undefined)
    await store().destroy('RefreshToken', id)
    expect(await store().find('AccessToken', id)).to.not.equal(undefined)
  })

  it('writes no id, uid, user code or sealed payload in clear', async () => {
    const secrets = Array.from({ length: 8 }, () => token('secret-'))
    const [code, session, uid, device, userCode, interaction, cookie, grantSecret] = secrets as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    await store().upsert('AuthorizationCode', code, { jti: code }, 60)
    await store().upsert('Grant', grantSecret, { jti: grantSecret }, 60)
    await store().upsert('DeviceCode', device, { jti: device, userCode }, 60)
    await store().upsert('Interaction', interaction, { jti: interaction, session: { cookie } }, 60)
    await store().upsert('Session', session, { jti: session }, 60)
    await store().upsert('Session', token(), { uid }, 60)
    const found: string[] = []
    for (const table of ['authorization_codes', 'grants', 'device_codes', 'interactions']) {
      const { rows } = await instance().connection.knex.raw(`select t::text as line from oidc_${table} t`)
      found.push(...rows.map((row: { line: string }) => row.line))
    }
    for (const secret of [code, grantSecret, device, userCode, interaction, cookie]) {
      expect(found.filter((line) => line.includes(secret))).to.deep.equal([])
    }
    const { rows } = await instance().connection.knex.raw('select t::text as line from oidc_sessions t')
    expect(rows.filter((row: { line: string }) => row.line.includes(session))).to.deep.equal([])
  })

  it('refuses NUL bytes and broken Unicode with an error of its own', async () => {
    for (const model of ['AuthorizationCode', 'Interaction', 'Session'] as const) {
      const error = await failure(store().upsert(model, token(), { state: 'a\0b' }, 60))
      expect(error.name).to.equal('InvalidArtifactError')
      expect(isUnstorable(error)).to.equal(true)
    }
    const error = await failure(store().upsert('AuthorizationCode', token(), { state: 'a\ud800' }, 60))
    expect(isUnstorable(error)).to.equal(true)
    expect(await store().find('AuthorizationCode', '\0')).to.equal(undefined)
  })

  for (const model of CONSUMABLE) {
    it(`lets one of 16 consume a ${model}, and shows it consumed until it expires`, async () => {
      const id = token()
      await store().upsert(model, id, { keep: 'me' }, 60)
      const wins = await Promise.all(Array.from({ length: 16 }, () => store().consume(model, id)))
      expect(wins.filter(Boolean)).to.have.length(1)
      const found = await store().find(model, id)
      expect(found).to.include({ keep: 'me', jti: id })
      expect(found?.consumed).to.be.closeTo(Date.now() / 1000, 5)
      await store().upsert(model, id, { keep: 'still' }, 60)
      expect(await store().consume(model, id), 'written over, but used all the same').to.equal(false)
    })
  }

  it('does not consume what is absent, expired, or not single-use', async () => {
    const id = token()
    expect(await store().consume('AuthorizationCode', id)).to.equal(false)
    await store().upsert('AuthorizationCode', id, {}, SHORT)
    await past()
    expect(await store().consume('AuthorizationCode', id)).to.equal(false)
    expect(await failure(store().consume('Session', id))).to.be.instanceOf(TypeError)
  })

  it('lets one of 16 claim an id, again only after it expired', async () => {
    const id = token()
    const claim = (ttl: number) => store().claim('ReplayDetection', id, ttl)
    const wins = await Promise.all(Array.from({ length: 16 }, () => claim(SHORT)))
    expect(wins.filter(Boolean)).to.have.length(1)
    await past()
    expect([await claim(60), await claim(60)]).to.deep.equal([true, false])
    expect(await store().find('ReplayDetection', id)).to.include({ jti: id })
  })

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

  it('finds the newest session of a uid, by its current uid only', async () => {
    const [uid, moved, first, second] = [token(), token(), token(), token()]
    await store().upsert('Session', first, { uid, n: 1 }, 60)
    await store().upsert('Session', second, { uid, n: 2 }, 60)
    expect(await store().findByUid(uid)).to.include({ n: 2, uid })
    await store().upsert('Session', second, { uid: moved, n: 3 }, 60)
    expect(await store().findByUid(uid)).to.include({ n: 1 })
    await store().upsert('Session', first, { uid, n: 4 }, SHORT)
    await past()
    expect(await store().findByUid(uid)).to.equal(undefined)
    expect(await store().findByUid(moved)).to.include({ n: 3 })
  })

  it('finds a device code by its user code, with the code itself, until it expires', async () => {
    const [id, userCode] = [token(), token()]
    await store().upsert('DeviceCode', id, { userCode, deviceInfo: { ip: '::1' } }, 60)
    expect(await store().findByUserCode(userCode)).to.deep.equal({
      jti: id,
      userCode,
      deviceInfo: { ip: '::1' },
    })
    const clash = await failure(store().upsert('DeviceCode', token(), { userCode }, 60))
    expect(clash.name).to.equal('InvalidArtifactError')
    await store().upsert('DeviceCode', id, { userCode }, SHORT)
    await past()
    expect(await store().findByUserCode(userCode)).to.equal(undefined)
  })

  it('lists the sessions of an account that are alive', async () => {
    const accountId = token()
    await store().upsert('Session', token(), { uid: token(), accountId, n: 1 }, 60)
    await store().upsert('Session', token(), { uid: token(), accountId, n: 2 }, SHORT)
    await store().upsert('Session', token(), { uid: token(), accountId: token() }, 60)
    await past()
    expect((await store().findSessionsByAccount(accountId)).map(({ n }) => n)).to.deep.equal([1])
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
    await store().revokeByAccount(accounts[0])
    for (const [model, id] of ended) expect(await store().find(model, id), model).to.equal(undefined)
    for (const [model, id] of kept) expect(await store().find(model, id), model).to.not.equal(undefined)
  })

  it('does not let a request in flight bring an ended session back, under its old id or a new one', async () => {
    const [accountId, uid, id] = [token(), token(), token()]
    await store().upsert('Session', id, { uid, accountId }, 60)
    await store().revokeByAccount(accountId)
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
    await store().revokeByClient(clients[0])
    for (const [model, id] of ended) expect(await store().find(model, id), model).to.equal(undefined)
    for (const [model, id] of kept) expect(await store().find(model, id), model).to.not.equal(undefined)
  })

  it('purges in batches, and leaves what is alive', async () => {
    while ((await store().purgeExpired(1000)) > 0) {}
    for (let n = 0; n < 5; n += 1) await store().upsert('ReplayDetection', token(), {}, SHORT)
    await past()
    expect([
      await store().purgeExpired(3),
      await store().purgeExpired(3),
      await store().purgeExpired(3),
    ]).to.deep.equal([3, 2, 0])
  })
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a rejection')
}
