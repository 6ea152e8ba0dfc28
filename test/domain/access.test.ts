/** Each way of ending access: one transaction, one record, and nothing at all where there is nothing to end. */
import { expect } from 'chai'
import { Access, type Actor } from '../../src/domain/access/service.ts'
import { isDomainError } from '../../src/domain/errors.ts'
import type { Database } from '../../src/domain/ports.ts'
import { type SqlInstance, sqlBackends } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { sampleClient, sampleUser, token } from '../support/samples.ts'

const ADMIN: Actor = { by: 'usr_admin', request: { id: 'r1', ip: '192.0.2.1', userAgent: 'test' } }

interface Subject {
  userId: string
  clientId: string
}

type Operation = (access: Access, subject: Subject, sessionId: string) => Promise<void>

/** name of the record, and whom it names */
const OPERATIONS: Record<string, [Operation, keyof Subject | 'both']> = {
  'user.disabled': [(access, { userId }) => access.disableUser(userId, ADMIN), 'userId'],
  'user.enabled': [(access, { userId }) => access.enableUser(userId, ADMIN), 'userId'],
  'user.deleted': [(access, { userId }) => access.deleteUser(userId, ADMIN), 'userId'],
  'session.ended': [(access, { userId }, id) => access.endSession(userId, id, ADMIN), 'userId'],
  'user.signed_out_everywhere': [(access, { userId }) => access.signOutEverywhere(userId, ADMIN), 'userId'],
  'consent.withdrawn': [
    (access, { userId, clientId }) => access.withdrawConsent(userId, clientId, ADMIN),
    'both',
  ],
  'client.disabled': [(access, { clientId }) => access.disableClient(clientId, ADMIN), 'clientId'],
  'client.enabled': [(access, { clientId }) => access.enableClient(clientId, ADMIN), 'clientId'],
  'client.deleted': [(access, { clientId }) => access.deleteClient(clientId, ADMIN), 'clientId'],
}

for (const backend of sqlBackends.filter(({ name }) => name !== 'pglite (disk)'))
  describe(`ending access (${backend.name})`, () => {
    let stores: SqlInstance & { dispose(): Promise<void> }
    before(async () => {
      stores = await backend.fresh()
    })
    after(() => stores?.dispose())

    /** A person with consent for an app, signed in to it. */
    async function subject(): Promise<Subject & { uid: string }> {
      const [user, client, uid] = [sampleUser(), sampleClient(), token()]
      const { database, artifacts } = stores
      await database.users.insert(user)
      await database.clients.save(client)
      const [userId, clientId] = [user.id, client.id]
      await database.consents.remember({ userId, clientId, scopes: ['openid'], claims: [], resources: {} })
      await artifacts.upsert('Grant', `grant-${uid}`, { accountId: userId, clientId }, 60)
      const authorizations = { [clientId]: { grantId: `grant-${uid}`, persistsLogout: true } }
      await artifacts.upsert('Session', token(), { uid, accountId: userId, authorizations }, 60)
      await artifacts.upsert(
        'RefreshToken',
        `refresh-${uid}`,
        { grantId: `grant-${uid}`, accountId: userId, clientId },
        60,
      )
      return { userId, clientId, uid }
    }
    const records = (name: string) => stores.connection.knex('audit_events').where({ name }).orderBy('id')
    const count = async () => Number((await stores.connection.knex('audit_events').count())[0]?.count)

    for (const [name, [operation, names]] of Object.entries(OPERATIONS)) {
      it(`${name} is recorded once, with who asked for it`, async () => {
        const before = await count()
        const about = await subject()
        const [session] = await stores.database.access.openSessions(about.userId)
        await operation(new Access(stores.database), about, String(session?.id))
        expect(await count()).to.equal(before + 1)
        const record = (await records(name)).at(-1)
        expect(record).to.deep.include({
          outcome: 'success',
          user_id: names === 'clientId' ? null : about.userId,
          client_id: names === 'userId' ? null : about.clientId,
          request_id: 'r1',
          detail: { by: 'usr_admin' },
        })
        expect(await stores.artifacts.find('RefreshToken', `refresh-${about.uid}`)).to.equal(undefined)
      })

      if (name !== 'user.signed_out_everywhere')
        it(`${name} of nobody or nothing is refused and leaves no record`, async () => {
          const before = await count()
          for (const id of [token(), 'a\0b', '\ud800', '']) {
            const error = await failure(
              operation(new Access(stores.database), { userId: id, clientId: id }, 'AAAA'),
            )
            expect(isDomainError(error, 'not_found'), String(error)).to.equal(true)
          }
          expect(await count()).to.equal(before)
        })

      it(`${name} without its record does not happen`, async () => {
        const about = await subject()
        const [session] = await stores.database.access.openSessions(about.userId)
        const broken: Pick<Database, 'transaction'> = {
          transaction: (work) =>
            stores.database.transaction((repositories) =>
              work({
                ...repositories,
                audit: { ...repositories.audit, append: () => Promise.reject(new Error('no record')) },
              }),
            ),
        }
        const error = await failure(operation(new Access(broken), about, String(session?.id)))
        expect(String(error)).to.include('no record')
        expect(await stores.artifacts.find('RefreshToken', `refresh-${about.uid}`)).to.not.equal(undefined)
        expect(await stores.database.users.find(about.userId)).to.include({ status: 'active' })
        expect(await stores.database.clients.find(about.clientId)).to.include({ status: 'active' })
        expect(await stores.database.access.openSessions(about.userId)).to.have.length(1)
      })
    }

    it('shows the sessions of one person by names that open nothing', async () => {
      const [mine, other] = [await subject(), await subject()]
      const [session, ...more] = await stores.database.access.openSessions(mine.userId)
      expect(more).to.deep.equal([])
      expect(session?.clientIds).to.deep.equal([mine.clientId])
      expect(session?.id).to.not.include(mine.uid)
      const foreign = new Access(stores.database).endSession(other.userId, String(session?.id), ADMIN)
      expect(isDomainError(await failure(foreign), 'not_found'), 'not another person’s').to.equal(true)
      expect(await stores.database.access.openSessions(mine.userId)).to.have.length(1)
    })

    it('grants nothing without consent, unless the operator vouches for the app', async () => {
      const { userId, clientId } = await subject()
      const ours = sampleClient({ firstParty: true })
      await stores.database.clients.save(ours)
      const grantTo = (id: string) =>
        stores.artifacts.upsert('Grant', token(), { accountId: userId, clientId: id }, 60)
      await grantTo(clientId)
      await grantTo(ours.id)
      await new Access(stores.database).withdrawConsent(userId, clientId, ADMIN)
      for (const id of [clientId, token()])
        expect((await failure(grantTo(id)))?.constructor.name, id).to.equal('ParentGoneError')
    })

    it('of a person leaves the record of what they did', async () => {
      const { userId } = await subject()
      await new Access(stores.database).disableUser(userId, ADMIN)
      await new Access(stores.database).deleteUser(userId, ADMIN)
      expect(await stores.database.users.find(userId)).to.equal(undefined)
      const rows = await stores.connection.knex('audit_events').where({ user_id: userId }).orderBy('id')
      expect(rows.map((row) => row.name)).to.deep.equal(['user.disabled', 'user.deleted'])
    })
  })
