import { expect } from 'chai'
import type { Repositories } from '../../../src/domain/ports.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleClient, sampleKey, sampleProof, sampleUser, token } from '../../support/samples.ts'

class Undo extends Error {}

/** One call of every method. On PGlite a repository that asked the pool would wait for itself. */
async function everything(
  tx: Repositories,
): Promise<{ userId: string; clientId: string; proofId: string; name: string }> {
  const [user, client, proof, name] = [
    sampleUser({ username: token('U') }),
    sampleClient(),
    sampleProof(),
    token(),
  ]
  await tx.users.insert(user)
  await tx.users.takeUsername(user.username!, user.id)
  await tx.users.markEmailVerified(user.id, user.email)
  await tx.users.setPassword(user.id, '$a')
  await tx.users.rehashPassword(user.id, '$a', '$b')
  await tx.users.addRole(user.id, 'admin')
  expect((await tx.users.find(user.id))?.emailVerified).to.equal(true)
  expect((await tx.users.findByEmail(user.email))?.id).to.equal(user.id)
  expect((await tx.users.findByUsername(user.username!))?.id).to.equal(user.id)
  expect(await tx.users.passwordHash(user.id)).to.equal('$b')
  expect(await tx.users.roles(user.id)).to.deep.equal(['admin'])
  expect(await tx.users.anyoneHasRole('admin')).to.equal(true)
  await tx.emailProofs.insert(proof)
  expect(await tx.emailProofs.countAttempt(proof.id, 5)).to.equal(true)
  expect((await tx.emailProofs.consume(proof.id))?.id).to.equal(proof.id)
  await tx.emailProofs.expireAll(user.id, 'reset-password')
  await tx.outbox.insert({ template: 'verify-email', proofId: proof.id })
  await tx.audit.append({ name: 'user.registered', outcome: 'success', userId: user.id, request: undefined })
  await tx.clients.save(client)
  expect((await tx.clients.find(client.id))?.id).to.equal(client.id)
  await tx.clients.list()
  await tx.consents.remember({
    userId: user.id,
    clientId: client.id,
    scopes: ['openid'],
    claims: [],
    resources: {},
  })
  expect((await tx.consents.find(user.id, client.id))?.scopes).to.deep.equal(['openid'])
  await tx.settings.put(name, 1)
  expect(await tx.settings.get(name)).to.equal(1)
  await tx.signingKeys.lock()
  const key = sampleKey({ state: 'retiring' })
  await tx.signingKeys.add(key)
  await tx.signingKeys.move(key.kid, 'retired')
  expect(await tx.signingKeys.list()).to.not.deep.equal([])
  await tx.access.revokeAccount(user.id)
  return { userId: user.id, clientId: client.id, proofId: proof.id, name }
}

export function transactionContract(instance: () => SqlInstance): void {
  const database = () => instance().database
  const outcome = async ({ userId, clientId, proofId, name }: Awaited<ReturnType<typeof everything>>) => [
    await database().users.find(userId),
    await database().clients.find(clientId),
    await database().emailProofs.find(proofId),
    await database().settings.get(name),
    await instance().connection.knex('audit_events').where({ user_id: userId }).first('id'),
    await instance().connection.knex('outbox').whereRaw("job->>'proofId' = ?", [proofId]).first('id'),
  ]

  it('commits everything its repositories wrote', async () => {
    const ids = await database().transaction(everything)
    expect(await outcome(ids)).to.not.include(undefined)
  })

  it('leaves nothing of a transaction that failed', async () => {
    let ids: Awaited<ReturnType<typeof everything>> | undefined
    const error = await database()
      .transaction(async (tx) => {
        ids = await everything(tx)
        throw new Undo()
      })
      .catch((thrown) => thrown)
    expect(error).to.be.instanceOf(Undo)
    expect(new Set(await outcome(ids!))).to.deep.equal(new Set([undefined]))
  })

  it('keeps what others do apart from it', async () => {
    const [mine, other] = [sampleUser(), sampleUser()]
    let beside: Promise<unknown> | undefined
    await database()
      .transaction(async (tx) => {
        await tx.users.insert(mine)
        beside = Promise.all([database().users.insert(other), instance().ephemeral.put(other.id, 'kept', 60)])
        await tx.users.find(mine.id)
        throw new Undo()
      })
      .catch(() => {})
    await beside
    expect(await database().users.find(mine.id)).to.equal(undefined)
    expect((await database().users.find(other.id))?.id).to.equal(other.id)
    expect(await instance().ephemeral.get(other.id)).to.equal('kept')
  })

  it('revokes access together with what caused it, or not at all', async () => {
    const user = await database().users.insert(sampleUser())
    await instance().artifacts.upsert('Session', token(), { uid: token(), accountId: user.id }, 60)
    const sessions = async () => (await instance().artifacts.findSessionsByAccount(user.id)).length
    const change = async (tx: Repositories) => {
      await tx.users.setPassword(user.id, '$new')
      await tx.access.revokeAccount(user.id)
    }
    await database()
      .transaction(async (tx) => {
        await change(tx)
        throw new Undo()
      })
      .catch(() => {})
    expect([await database().users.passwordHash(user.id), await sessions()]).to.deep.equal([undefined, 1])
    await database().transaction(change)
    expect([await database().users.passwordHash(user.id), await sessions()]).to.deep.equal(['$new', 0])
  })
}
