import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { EmailProof } from '../../../src/domain/email/proof.ts'
import { purgeExpiredRows } from '../../../src/storage/sql/database.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleProof, sampleUser, token } from '../../support/samples.ts'

export function emailProofsContract(instance: () => SqlInstance): void {
  const proofs = () => instance().database.emailProofs

  it('gives a proof back as inserted', async () => {
    const { id: userId } = await instance().database.users.insert(sampleUser())
    const registration = {
      userId: token('usr_'),
      passwordHash: '$argon2id$x',
      username: token('U'),
      name: 'Ada',
    }
    const proof = sampleProof({ userId, interactionUid: token(), registration })
    const { ttlSeconds, ...kept } = proof
    const inserted = await proofs().insert(proof)
    expect(inserted).to.deep.include({ ...kept, attempts: 0, consumedAt: undefined })
    expect(inserted.expiresAt.getTime() - inserted.createdAt.getTime()).to.equal(ttlSeconds * 1000)
    expect(await proofs().find(proof.id)).to.deep.equal(inserted)
    expect(await proofs().find('\0')).to.equal(undefined)
  })

  it('finds the newest unused registration by address and by username, whatever the case', async () => {
    const [email, username] = [`${token('Ada')}@example.org`, token('Ada')]
    const draft = { userId: token('usr_'), passwordHash: '$x', username, name: undefined }
    const older = await proofs().insert(sampleProof({ purpose: 'register', email, registration: draft }))
    await sleep(5)
    const newer = await proofs().insert(
      sampleProof({ purpose: 'register', email, registration: { ...draft, username: undefined } }),
    )
    expect((await proofs().findRegistration(email.toUpperCase()))?.id).to.equal(newer.id)
    expect((await proofs().findRegistration(username.toUpperCase()))?.id).to.equal(older.id)
    await proofs().consume(newer.id)
    expect((await proofs().findRegistration(email))?.id).to.equal(older.id)
    await proofs().consume(older.id)
    expect(await proofs().findRegistration(email)).to.equal(undefined)
    expect(await proofs().findRegistration('a\0@example.org')).to.equal(undefined)
  })

  it('finds what is open for an account, or for what will be one, and never a reset', async () => {
    const { id: userId } = await instance().database.users.insert(sampleUser())
    const draft = { userId: token('usr_'), passwordHash: '$x', username: undefined, name: undefined }
    const registered = await proofs().insert(sampleProof({ purpose: 'register', registration: draft }))
    const older = await proofs().insert(sampleProof({ purpose: 'verify-email', userId }))
    await sleep(5)
    const newer = await proofs().insert(sampleProof({ purpose: 'verify-email', userId }))
    await proofs().insert(sampleProof({ purpose: 'reset-password', userId }))
    expect((await proofs().findOpen(draft.userId))?.id).to.equal(registered.id)
    expect((await proofs().findOpen(userId))?.id).to.equal(newer.id)
    await proofs().consume(newer.id)
    expect((await proofs().findOpen(userId))?.id).to.equal(older.id)
    await proofs().expireAll(userId, 'verify-email')
    await proofs().consume(registered.id)
    for (const id of [userId, draft.userId, 'usr_nobody', 'usr_\0'])
      expect(await proofs().findOpen(id)).to.equal(undefined)
  })

  it('replaces the unused proof of the same flow and purpose, and no other', async () => {
    const flow = token()
    const [old, other, used] = [
      sampleProof({ flow }),
      sampleProof({ flow, purpose: 'reset-password' }),
      sampleProof(),
    ]
    for (const proof of [old, other, used]) await proofs().insert(proof)
    await proofs().countAttempt(old.id, 5)
    await proofs().consume(used.id)
    const fresh = await proofs().insert(sampleProof({ flow }))
    const next = await proofs().insert(sampleProof({ flow: used.flow }))
    expect(fresh.attempts).to.equal(0)
    expect(await proofs().find(old.id)).to.equal(undefined)
    for (const { id } of [other, used, fresh, next]) expect((await proofs().find(id))?.id).to.equal(id)
  })

  it('keeps the later end of the one it replaces, when it is for the same account and not over', async () => {
    const { users } = instance().database
    const [mine, other] = [await users.insert(sampleUser()), await users.insert(sampleUser())]
    const flow = token()
    const next = (userId: string | undefined, ttlSeconds: number) =>
      proofs().insert(sampleProof({ flow, purpose: 'reset-password', userId, ttlSeconds }))
    const long = await next(mine.id, 86_400)
    const short = await next(mine.id, 1800)
    expect(short.expiresAt).to.deep.equal(long.expiresAt)
    expect((await next(mine.id, 90_000)).expiresAt).to.be.above(long.expiresAt)
    const lasts = ({ expiresAt, createdAt }: EmailProof) => (expiresAt.getTime() - createdAt.getTime()) / 1000
    for (const userId of [other.id, undefined, undefined, mine.id])
      expect(lasts(await next(userId, 1800)), String(userId)).to.equal(1800)
    await next(mine.id, 86_400)
    await proofs().expireAll(mine.id, 'reset-password')
    expect(lasts(await next(mine.id, 1800)), 'what was ended').to.equal(1800)
  })

  it('leaves one unused proof of 8 begun at once', async () => {
    const all = Array.from({ length: 8 }, () => sampleProof({ flow: 'the same' }))
    await Promise.all(all.map((proof) => proofs().insert(proof)))
    const found = await Promise.all(all.map(({ id }) => proofs().find(id)))
    expect(found.filter(Boolean)).to.have.length(1)
  })

  it('counts attempts up to the limit, however many try at once', async () => {
    const { id } = await proofs().insert(sampleProof())
    const counted = await Promise.all(Array.from({ length: 16 }, () => proofs().countAttempt(id, 5)))
    expect(counted.filter(Boolean)).to.have.length(5)
    expect((await proofs().find(id))?.attempts).to.equal(5)
  })

  it('gives a proof to one of 16 that consume it', async () => {
    const { id } = await proofs().insert(sampleProof())
    const consumed = await Promise.all(Array.from({ length: 16 }, () => proofs().consume(id)))
    expect(consumed.filter(Boolean)).to.have.length(1)
    expect(consumed.find(Boolean)?.consumedAt).to.be.instanceOf(Date)
    expect(await proofs().countAttempt(id, 5)).to.equal(false)
  })

  it('is worth nothing once expired, and stays to be told so', async () => {
    const { id } = await proofs().insert(sampleProof({ ttlSeconds: 0.1 }))
    await sleep(160)
    expect(await proofs().consume(id)).to.equal(undefined)
    expect(await proofs().countAttempt(id, 5)).to.equal(false)
    await purgeExpiredRows(instance().connection, 100)
    expect((await proofs().find(id))?.id).to.equal(id)
  })

  it('makes all proofs of a purpose of one user worthless, and no others', async () => {
    const [{ id: userId }, { id: otherId }] = [
      await instance().database.users.insert(sampleUser()),
      await instance().database.users.insert(sampleUser()),
    ]
    const reset = (user: string) => proofs().insert(sampleProof({ userId: user, purpose: 'reset-password' }))
    const [first, second, others] = [await reset(userId), await reset(userId), await reset(otherId)]
    const verify = await proofs().insert(sampleProof({ userId }))
    await proofs().expireAll(userId, 'reset-password')
    const left = await Promise.all([first, second, others, verify].map(({ id }) => proofs().consume(id)))
    expect(left.map((proof) => proof !== undefined)).to.deep.equal([false, false, true, true])
  })
}
