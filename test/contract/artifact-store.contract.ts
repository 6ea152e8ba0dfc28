import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { ARTIFACT_MODELS, type ArtifactModel } from '../../src/storage/artifact-store.ts'
import { isUnstorable } from '../../src/storage/faults.ts'
import type { SqlInstance } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { token } from '../support/samples.ts'

const CONSUMABLE: ArtifactModel[] = [
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PushedAuthorizationRequest',
]
const SHORT = 0.15
const past = () => sleep(SHORT * 1000 + 50)

/** What every ArtifactStore holds. */
export function artifactStoreContract(instance: () => SqlInstance): void {
  const store = () => instance().artifacts

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
