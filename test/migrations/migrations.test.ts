/** Migrations run up, down and up again, also over rows, and end in one catalogue on every engine. */
import { expect } from 'chai'
import { AuditKeys, digestOf } from '../../src/crypto/audit-keys.ts'
import { AuditLedger } from '../../src/domain/audit/ledger.ts'
import { NOTHING } from '../../src/domain/operations/usage.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import type { SqlConnection } from '../../src/storage/sql/connection.ts'
import { migrateDown, migrateUp, migrationSource, migrationStatus } from '../../src/storage/sql/migrate.ts'
import { emptySqlBackends, newPostgresDatabase, selected, storesOn } from '../support/backends.ts'
import {
  sampleAuthorizationType,
  sampleClient,
  sampleFailure,
  sampleKey,
  sampleProof,
  sampleResourceServer,
  sampleUser,
  token,
} from '../support/samples.ts'
import { catalogueOf, tablesOf } from './catalogue.ts'

/** A row in every table. */
async function fill(connection: SqlConnection): Promise<void> {
  const { database, artifacts, ephemeral, mailbox } = storesOn(connection)
  const [user, client] = [sampleUser({ username: token('U') }), sampleClient()]
  await database.users.insert(user)
  await database.users.takeUsername(user.username!, user.id)
  await database.users.setPassword(user.id, '$x')
  await database.users.addRole(user.id, 'admin')
  await database.emailProofs.insert(sampleProof({ userId: user.id }))
  await database.outbox.insert({ template: 'verify-email', proofId: 'p' })
  await database.audit.append({
    ...{ name: 'user.registered', outcome: 'success', request: undefined },
    ...{ userId: user.id, personal: { email: user.email } },
  })
  await database.audit.append({
    name: 'user.deleted',
    outcome: 'success',
    request: undefined,
    userId: 'gone',
  })
  const settings = { url: 'https://a.example', events: ['*'], description: '', personal: false }
  await database.webhooks.insert('w', settings, { current: 'whsec_' })
  await database.webhooks.addTest('w', 'webhook.test')
  const pruned = { kind: 'activity', until: new Date(0), seqs: '1', records: 1 } as const
  await database.auditChain.prune([], { ...pruned, kid: 'k', signature: 's' })
  await new AuditLedger({ database, digest: digestOf, keys: new AuditKeys() }).link()
  await database.clients.save(client)
  await database.clients.secretUsed(client.id, 'current')
  await database.deletions.begin(user.id, 'active', 60)
  await database.clientDocuments.save('https://app.example.org/client.json', {}, 60)
  await database.initialAccessTokens.insert({
    ...{ id: token('iat_'), name: 'n', digest: Buffer.of(1), policy: {} },
    ...{ usesLeft: 1, maxClients: undefined, ttlSeconds: undefined },
  })
  await database.consents.remember({
    userId: user.id,
    clientId: client.id,
    scopes: ['openid'],
    claims: [],
    resources: {},
  })
  await database.signingKeys.add(sampleKey())
  await connection.knex('data_keys').insert({ version: 1, kek_id: 'k', wrapped: Buffer.of(1) })
  await database.settings.put('a', 1)
  await connection.knex('applied_state').insert({ kind: 'k', id: 'i', value: '{}' })
  await database.resourceServers.save(sampleResourceServer())
  await database.deploymentSecrets.once('a', () => 's')
  await database.failures.save(sampleFailure())
  await database.authorizationTypes.save(sampleAuthorizationType())
  await database.idempotency.claim('k', 'c')
  await database.usage.keep(new Map([['2026-01-01', NOTHING]]))
  await database.roles.insert({ name: 'desk', description: '', permissions: ['users:read'] })
  await database.applicationRoles.insert({ clientId: client.id, name: 'editor', description: '' })
  await database.applicationRoles.give(user.id, client.id, 'editor')
  await ephemeral.put('k', 'v', 60)
  await mailbox.add({ recipient: 'r', sender: 's', subject: 't', text: 'b', html: undefined })
  const accountId = user.id
  await artifacts.upsert('Grant', 'g', { accountId, clientId: client.id }, 60)
  await artifacts.upsert('Session', 's', { uid: 'u', accountId }, 60)
  await artifacts.upsert('DeviceCode', 'd', { userCode: 'c' }, 60)
  for (const model of [
    'AuthorizationCode',
    'RefreshToken',
    'AccessToken',
    'BackchannelAuthenticationRequest',
  ] as const) {
    await artifacts.upsert(model, token(), { grantId: 'g', accountId, clientId: client.id }, 60)
  }
  for (const model of [
    'Interaction',
    'ClientCredentials',
    'PushedAuthorizationRequest',
    'ReplayDetection',
    'InitialAccessToken',
    'RegistrationAccessToken',
  ] as const) {
    await artifacts.upsert(model, token(), {}, undefined)
  }
}

describe('migrations', function () {
  this.timeout(60_000)

  for (const backend of selected(emptySqlBackends)) {
    describe(`on ${backend.name}`, () => {
      let opened: Awaited<ReturnType<typeof backend.fresh>>
      before(async () => {
        opened = await backend.fresh()
      })
      after(() => opened?.dispose())

      it('run up once, over rows one at a time down, and up to the same again', async () => {
        const { connection } = opened
        const all = await migrationSource.getMigrations([])
        expect(await migrationStatus(connection)).to.deep.equal({ applied: [], pending: all })
        expect(await migrateUp(connection)).to.deep.equal({ applied: all })
        expect(await migrateUp(connection), 'again').to.deep.equal({ applied: [] })
        expect(await migrationStatus(connection)).to.deep.equal({ applied: all, pending: [] })
        const catalogue = await catalogueOf(connection)

        await fill(connection)
        for (const table of await tablesOf(connection)) {
          expect(await connection.knex(table).first(), `a row in ${table}`).to.not.equal(undefined)
        }
        for (const name of all.toReversed()) {
          expect(await migrateDown(connection)).to.deep.equal({ reverted: [name] })
        }
        expect(await tablesOf(connection)).to.deep.equal([])
        expect(await migrateUp(connection)).to.deep.equal({ applied: all })
        expect(await catalogueOf(connection)).to.deep.equal(catalogue)

        expect((await migrateDown(connection, { all: true })).reverted).to.have.length(all.length)
        expect(await tablesOf(connection)).to.deep.equal([])
      })
    })
  }

  for (const backend of selected(emptySqlBackends))
    it(`keep the keys of a deployment that never rotated: the first ones sign on (${backend.name})`, async () => {
      const { connection, dispose } = await backend.fresh()
      await migrateUp(connection)
      let reverted = ''
      while (!reverted.endsWith('_key_states.ts')) [reverted = ''] = (await migrateDown(connection)).reverted
      const former = [
        { kid: 'a', use: 'token', alg: 'ES256', position: 0 },
        { kid: 'b', use: 'token', alg: 'RS256', position: 1 },
        { kid: 'c', use: 'cookie', alg: null, position: 0 },
        { kid: 'd', use: 'cookie', alg: null, position: 1 },
      ].map((row) => ({ ...row, state: 'current', sealed: Buffer.of(1) }))
      await connection.knex('signing_keys').insert(former)
      await migrateUp(connection)
      const states = () => connection.knex('signing_keys').orderBy('kid').select('kid', 'state')
      expect(await states()).to.deep.equal([
        { kid: 'a', state: 'current' },
        { kid: 'b', state: 'current' },
        { kid: 'c', state: 'current' },
        { kid: 'd', state: 'retiring' },
      ])
      await connection.knex('signing_keys').insert([
        { kid: 'e', use: 'token', alg: 'ES256', state: 'next', sealed: Buffer.of(1) },
        { kid: 'f', use: 'token', alg: 'ES256', state: 'retired', sealed: Buffer.of(1) },
      ])
      reverted = ''
      while (!reverted.endsWith('_key_states.ts')) [reverted = ''] = (await migrateDown(connection)).reverted
      const back = await connection
        .knex('signing_keys')
        .orderBy(['use', 'position'])
        .select('kid', 'position')
      expect(back.map(({ kid, position }) => `${kid} ${position}`)).to.deep.equal([
        'c 0',
        'd 1',
        'a 0',
        'b 1',
        'e 2',
      ])
      await dispose()
    })

  it('end in the same catalogue on every engine', async () => {
    const catalogues = []
    for (const backend of emptySqlBackends) {
      const { connection, dispose } = await backend.fresh()
      await migrateUp(connection)
      catalogues.push(await catalogueOf(connection))
      await dispose()
    }
    const [first, ...others] = catalogues
    expect(first?.columns.length).to.be.greaterThan(100)
    for (const other of others) expect(other).to.deep.equal(first)
  })

  it('run once when several processes start together, past a lock a killed one left', async () => {
    const { url, drop } = await newPostgresDatabase()
    const connections = Array.from({ length: 4 }, () =>
      connectPostgres({ url, poolSize: 2, onError: () => {} }),
    )
    const all = await migrationSource.getMigrations([])
    const answers = await Promise.all(connections.map((connection) => migrateUp(connection)))
    expect(answers.map(({ applied }) => applied.length).sort((a, b) => a - b)).to.deep.equal([
      0,
      0,
      0,
      all.length,
    ])
    const [connection] = connections as [SqlConnection]
    await connection.knex('knex_migrations_lock').update({ is_locked: 1 })
    expect((await migrateDown(connection)).reverted).to.have.length(1)
    await connection.knex('knex_migrations_lock').update({ is_locked: 1 })
    expect((await migrateUp(connection)).applied).to.have.length(1)
    await Promise.all(connections.map((it) => it.close()))
    await drop()
  })
})
