/** Backups on every SQL engine: what comes back and what does not, damage, keys, schemas, concurrent writers. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { AuditKeys, digestOf } from '../../src/crypto/audit-keys.ts'
import { DataKeys } from '../../src/crypto/data-keys.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import type { AuditEvent } from '../../src/domain/audit/events.ts'
import { AuditLedger } from '../../src/domain/audit/ledger.ts'
import { ClientAdministration } from '../../src/domain/clients/administration.ts'
import type { Database } from '../../src/domain/ports.ts'
import { digestSecret, secretMatches } from '../../src/oidc/client-secret.ts'
import { checkBackup } from '../../src/storage/backup/check.ts'
import { readKeysFile } from '../../src/storage/backup/keys-file.ts'
import { readBackup } from '../../src/storage/backup/read-file.ts'
import { Backups, type RestoreOptions } from '../../src/storage/sql/backup/backups.ts'
import { KEPT, LEFT_OUT } from '../../src/storage/sql/backup/tables.ts'
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import type { SqlConnection } from '../../src/storage/sql/connection.ts'
import { migrateDown, migrateUp } from '../../src/storage/sql/migrate.ts'
import { SqlDataKeys } from '../../src/storage/sql/repositories/data-keys.ts'
import { catalogueOf, tablesOf } from '../migrations/catalogue.ts'
import {
  type Backend,
  emptySqlBackends,
  newPostgresDatabase,
  selected,
  storesOn,
} from '../support/backends.ts'
import {
  sampleAuthorizationType,
  sampleClient,
  sampleKey,
  sampleResourceServer,
  sampleUser,
  token,
} from '../support/samples.ts'

const VERSION = '0.0.0'

/** With a name of the test's own: the database of a restore must not look as if Ostiary were running on it. */
const ENGINES: Backend<{ connection: SqlConnection }>[] = [
  ...emptySqlBackends.filter(({ name }) => name === 'pglite (memory)'),
  {
    name: 'postgres',
    async fresh() {
      const { url, drop } = await newPostgresDatabase()
      const named = `${url}?application_name=test`
      const connection = connectPostgres({ url: named, poolSize: 2, onError: () => {} })
      return {
        connection,
        async dispose() {
          await connection.close()
          await drop()
        },
      }
    },
  },
]

const secret = randomBytes(32)

interface Deployment {
  connection: SqlConnection
  atRest: Keyring
  database: Database
  backups: Backups
}

/** A database with data keys of its own, as after a first start. */
async function deploymentOn(connection: SqlConnection): Promise<Deployment> {
  await migrateUp(connection)
  const atRest = new Keyring()
  await new DataKeys(new SqlDataKeys(connection.knex, atRest), atRest, { current: secret }).open()
  return {
    connection,
    atRest,
    database: storesOn(connection, atRest).database,
    backups: new Backups(connection, atRest),
  }
}

const ledgerOf = (database: Database) =>
  new AuditLedger({ database, digest: digestOf, keys: new AuditKeys() })

/** Something of everything: what is to come back, and what is not. */
async function fill({ connection, atRest, database }: Deployment) {
  const { artifacts, ephemeral, mailbox } = storesOn(connection, atRest)
  const user = sampleUser({ username: token('U'), profile: { name: 'Zoë \u2028 "q" \\x41\nline' } })
  const client = sampleClient({ metadata: { client_name: 'A {"b"} [c]', redirect_uris: [], nothing: null } })
  const key = sampleKey()
  await database.users.insert(user)
  await database.users.takeUsername(user.username as string, user.id)
  await database.users.setPassword(user.id, '$argon2id$x')
  await database.users.addRole(user.id, 'owner')
  await database.users.reserveUsername(token('held'), 'flow', 600)
  await database.clients.save(client)
  await database.initialAccessTokens.insert({
    ...{ id: 'iat_1', name: 'n', digest: Buffer.of(1), policy: {} },
    ...{ usesLeft: 1, maxClients: undefined, ttlSeconds: undefined },
  })
  const consent = {
    userId: user.id,
    clientId: client.id,
    scopes: ['openid', 'a,b'],
    claims: [],
    resources: { 'https://a': ['x'] },
  }
  await database.consents.remember(consent)
  await database.resourceServers.save(sampleResourceServer())
  await database.authorizationTypes.save(sampleAuthorizationType())
  await database.signingKeys.add(key)
  await database.deploymentSecrets.once('salt', () => 'grains')
  await database.settings.put('kept', { deep: [1, null, 'x'] })
  await database.settings.put('null', null)
  await database.settings.put('setup', 'digest')
  for (let count = 0; count < 5; count += 1)
    await database.audit.append({
      name: 'user.registered',
      outcome: 'success',
      userId: user.id,
      request: undefined,
      detail: { count },
    })
  await ledgerOf(database).link()
  await database.audit.append({
    name: 'user.signed_in',
    outcome: 'success',
    userId: user.id,
    request: undefined,
  })
  await database.outbox.insert({ template: 'verify-email', proofId: 'p' })
  await ephemeral.put('k', 'v', 60)
  await mailbox.add({ recipient: 'r', sender: 's', subject: 't', text: 'b', html: undefined })
  const accountId = user.id
  await artifacts.upsert('Grant', 'g', { accountId, clientId: client.id }, 600)
  await artifacts.upsert('Session', 's', { uid: 'u', accountId }, 600)
  await artifacts.upsert('RefreshToken', 'r', { grantId: 'g', accountId, clientId: client.id }, 600)
  await artifacts.upsert('RegistrationAccessToken', 'rat', { clientId: client.id }, undefined)
  return { user, client, key, consent }
}

const rowsOf = async ({ knex }: SqlConnection, table: string, order = '1'): Promise<object[]> =>
  (await knex.raw(`select to_jsonb(t) as row from "${table}" t order by ${order}`)).rows

/** The whole of a table that must come back as it was, but for what a restore changes by intent. */
const CHANGED = ['audit_events', 'users', 'initial_access_tokens']

describe('backups', function () {
  this.timeout(120_000)
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ostiary-backup-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const names = () => {
    const name = join(folder, token('b'))
    return { file: `${name}.backup`, keysFile: `${name}.keys` }
  }
  async function saved(of: Deployment) {
    const { file, keysFile } = names()
    const contents = await of.backups.save(file, { version: VERSION, keysFile })
    return { file, contents, keys: await readKeysFile(keysFile) }
  }
  const options = (more: Pick<RestoreOptions, 'keys'> & Partial<RestoreOptions>): RestoreOptions => ({
    ...{ replace: false, revive: false, revoked: [] },
    ...more,
  })
  /** Restored as the command does it: with the keys, before there is a database of theirs. */
  const into = (connection: SqlConnection, { atRest }: Pick<Deployment, 'atRest'>) =>
    new Backups(connection, atRest)

  for (const backend of selected(ENGINES))
    describe(`on ${backend.name}`, () => {
      const opened: { dispose(): Promise<void> }[] = []
      const fresh = async () => {
        const one = await backend.fresh()
        opened.push(one)
        return one.connection
      }
      let source: Deployment
      let target: SqlConnection
      let filled: Awaited<ReturnType<typeof fill>>
      before(async () => {
        source = await deploymentOn(await fresh())
        filled = await fill(source)
      })
      after(async () => {
        for (const one of opened) await one.dispose()
      })

      it('know every table', async () => {
        const known = [...KEPT.map(({ name }) => name), ...Object.keys(LEFT_OUT)]
        expect(
          known.sort(),
          'say of each in src/storage/sql/backup/tables.ts whether it is kept',
        ).to.deep.equal((await tablesOf(source.connection)).sort())
      })

      it('give back what people and operators made, and let nobody in', async () => {
        const { user, client, key, consent } = filled
        const before = new Map<string, object[]>()
        for (const { name } of KEPT) before.set(name, await rowsOf(source.connection, name))
        const { file, contents, keys } = await saved(source)
        expect(statSync(file).mode & 0o777).to.equal(0o600)

        target = await fresh()
        await into(target, source).restore(file, options({ keys }))
        expect(await catalogueOf(target)).to.deep.equal(await catalogueOf(source.connection))
        const { database } = storesOn(target, source.atRest)
        for (const { name } of KEPT.filter(({ name }) => !CHANGED.includes(name)))
          expect(await rowsOf(target, name), name).to.deep.equal(
            before
              .get(name)
              ?.filter(
                (row) =>
                  !JSON.stringify(row).includes('"setup"') &&
                  !JSON.stringify(row).includes('"flow": "flow"') &&
                  !JSON.stringify(row).includes('"flow":"flow"'),
              ),
          )
        expect((await database.users.find(user.id))?.profile.name).to.equal(user.profile.name)
        expect(await database.users.roles(user.id)).to.deep.equal(['owner'])
        expect(await database.consents.find(user.id, client.id)).to.deep.include(consent)
        expect((await database.signingKeys.list())[0]).to.deep.include({ kid: key.kid, jwk: key.jwk })
        expect(await database.deploymentSecrets.once('salt', () => 'other')).to.equal('grains')

        for (const table of Object.keys(LEFT_OUT).filter(
          (name) => !['change_counters', 'data_keys'].includes(name),
        ))
          expect(await rowsOf(target, table), table).to.deep.equal([])
        expect(await database.settings.get('setup')).to.equal(undefined)
        expect((await database.users.find(user.id))?.accessFrom).to.be.a('number')
        expect((await database.initialAccessTokens.list())[0]?.revokedAt).to.be.instanceOf(Date)

        await ledgerOf(database).link()
        const verdict = await ledgerOf(database).verify()
        expect(verdict.findings).to.deep.equal([])
        const records = (await rowsOf(target, 'audit_events', 'id')) as {
          row: { name: string; detail: object }
        }[]
        expect(records.at(-1)?.row).to.deep.include({ name: 'system.restored', outcome: 'success' })
        expect(records.at(-1)?.row.detail).to.include({ by: 'cli', seal: contents.seal })
        const [last] = (await rowsOf(source.connection, 'audit_events', 'id desc')) as typeof records
        expect(last?.row).to.deep.include({
          name: 'system.backed_up',
          detail: { by: 'cli', seal: contents.seal },
        })
      })

      it('are of one moment, however much is written meanwhile', async () => {
        const people = async () => {
          const user = sampleUser()
          await source.database.transaction(async ({ users }) => {
            await users.insert(user)
            await users.setPassword(user.id, '$x')
          })
        }
        for (let count = 0; count < 50; count += 1) await people()
        let writing = true
        const writer = (async () => {
          while (writing) {
            await people()
            // The embedded database leaves no turn to files by itself.
            await sleep(1)
          }
        })()
        // Writers go on between one table and the next, where the engine lets them.
        const slow = (): void => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1) as never
        const { file, keysFile } = names()
        const contents = await source.backups.save(file, { version: VERSION, keysFile, progress: slow })
        writing = false
        await writer
        const count = (table: string) => contents.tables.find((one) => one.table === table)?.rows
        expect(count('passwords')).to.equal(count('users'))
      })

      it('restore into an empty database only, and replace one when told; what ended there stays ended', async () => {
        const { user, client, key, consent } = filled
        const [gone, disabled, changed] = [sampleUser(), sampleUser(), sampleUser()]
        const [goneClient, disabledClient] = [sampleClient(), sampleClient()]
        for (const one of [gone, disabled, changed]) {
          await source.database.users.insert(one)
          await source.database.users.setPassword(one.id, '$old')
        }
        for (const one of [goneClient, disabledClient]) await source.database.clients.save(one)
        await source.database.users.addRole(changed.id, 'admin')
        const { file, keys } = await saved(source)

        const { database } = source
        const record = { outcome: 'success', request: undefined } as const
        await database.users.delete(gone.id)
        await database.audit.append({ name: 'user.deleted', userId: gone.id, ...record })
        await database.people.removeRole(changed.id, 'admin')
        await database.users.setStatus(disabled.id, 'disabled')
        await database.users.setPassword(changed.id, '$new')
        await database.clients.delete(goneClient.id)
        await database.audit.append({ name: 'client.deleted', clientId: goneClient.id, ...record })
        await database.clients.setStatus(disabledClient.id, 'disabled')
        await database.access.withdrawConsent(user.id, client.id)
        await database.audit.append({
          name: 'consent.withdrawn',
          userId: user.id,
          clientId: client.id,
          ...record,
        })
        await database.signingKeys.move(key.kid, 'retired')
        const newcomer = sampleUser()
        await database.users.insert(newcomer)

        const refused = await rejection(source.backups.restore(file, options({ keys })))
        expect(refused).to.match(/The database is not empty: there are rows in data_keys\./)
        expect(await database.users.find(newcomer.id)).to.not.equal(undefined)

        await source.backups.restore(file, options({ keys, replace: true }))
        expect(await database.users.find(newcomer.id), 'not in the backup').to.equal(undefined)
        expect(await database.users.find(gone.id), 'deleted').to.equal(undefined)
        expect((await database.users.find(disabled.id))?.status).to.equal('disabled')
        expect(await database.users.passwordHash(changed.id), 'the old password').to.equal(undefined)
        expect(await database.users.passwordHash(user.id)).to.equal('$argon2id$x')
        expect(await database.users.roles(changed.id), 'taken').to.deep.equal([])
        expect(await database.users.roles(user.id)).to.deep.equal(['owner'])
        expect(await database.clients.find(goneClient.id), 'deleted').to.equal(undefined)
        expect((await database.clients.find(disabledClient.id))?.status).to.equal('disabled')
        expect((await database.clients.find(client.id))?.status).to.equal('active')
        expect(await database.consents.find(user.id, client.id), JSON.stringify(consent)).to.equal(undefined)
        expect(
          (await database.signingKeys.list()).map(({ kid, state, jwk }) => ({ kid, state, jwk })),
        ).to.deep.equal([{ kid: key.kid, state: 'retired', jwk: {} }])
        await ledgerOf(database).link()
        expect((await ledgerOf(database).verify()).findings).to.deep.equal([])

        await source.backups.restore(file, options({ keys, replace: true, revive: true }))
        expect((await database.users.find(disabled.id))?.status, 'revived').to.equal('active')
        expect(await database.users.find(gone.id)).to.not.equal(undefined)
        expect(await database.users.roles(changed.id)).to.deep.equal(['admin'])
        expect((await database.signingKeys.list()).map(({ state }) => state)).to.deep.equal(['retired'])

        // Nobody is locked out of the administration.
        const heir = sampleUser()
        await database.users.insert(heir)
        await database.users.addRole(heir.id, 'owner')
        await database.users.setStatus(user.id, 'disabled')
        const locked = await rejection(source.backups.restore(file, options({ keys, replace: true })))
        expect(locked).to.match(/nobody could administer\. Nothing was done\./)
        expect(await database.users.find(heir.id)).to.not.equal(undefined)
      })

      it('keep ended what one restore after the other knows to have ended', async () => {
        const one = await deploymentOn(await fresh())
        const { database, connection } = one
        const { knex } = connection
        const [owner, gone, changed] = [sampleUser(), sampleUser(), sampleUser()]
        const api = sampleResourceServer()
        for (const user of [owner, gone, changed]) {
          await database.users.insert(user)
          await database.users.setPassword(user.id, '$old')
        }
        await database.users.addRole(owner.id, 'owner')
        await database.resourceServers.save(api)
        const program = sampleClient({
          metadata: { api_permissions: ['users:read', 'users:write'] },
          firstParty: true,
        })
        const permitted = async () => {
          const found = await database.clients.find(program.id)
          return [found?.firstParty, found?.metadata.api_permissions]
        }
        await database.clients.save(program)
        for (const id of ['wh_gone', 'wh_off', 'wh_on'])
          await knex('webhooks').insert({
            ...{ id, url: 'https://hooks.example', events: '["*"]', description: '', personal: false },
            sealed: Buffer.of(1),
          })
        const { file, keys } = await saved(one)

        const record = { outcome: 'success', request: undefined } as const
        await database.users.delete(gone.id)
        await database.audit.append({ name: 'user.deleted', userId: gone.id, ...record })
        await database.users.setPassword(changed.id, '$new')
        await database.clients.save({
          ...program,
          metadata: { api_permissions: ['users:read'] },
          firstParty: false,
        })
        await knex('webhooks').where({ id: 'wh_gone' }).delete()
        await database.audit.append({ name: 'webhook.deleted', detail: { webhook: 'wh_gone' }, ...record })
        await knex('webhooks')
          .where({ id: 'wh_off' })
          .update({ enabled: false, disabled_because: 'it failed' })
        await database.resourceServers.delete(api.audience)
        await database.audit.append({
          name: 'resource_server.deleted',
          detail: { audience: api.audience },
          ...record,
        })
        for (const time of ['first', 'second']) {
          await one.backups.restore(file, options({ keys, replace: true }))
          expect(await database.users.find(gone.id), `${time}: deleted`).to.equal(undefined)
          expect(await database.users.passwordHash(changed.id), `${time}: replaced`).to.equal(undefined)
          expect(await database.users.passwordHash(owner.id)).to.equal('$old')
          expect(await permitted(), `${time}: taken`).to.deep.equal([false, ['users:read']])
          expect(
            await knex('webhooks').orderBy('id').select('id', 'enabled', 'disabled_because'),
          ).to.deep.equal([
            { id: 'wh_off', enabled: false, disabled_because: 'it failed' },
            { id: 'wh_on', enabled: true, disabled_because: null },
          ])
          expect(await database.resourceServers.find(api.audience), `${time}: API`).to.equal(undefined)
        }
        await one.backups.restore(file, options({ keys, replace: true, revive: true }))
        expect(await database.users.find(gone.id)).to.not.equal(undefined)
        expect(await database.users.passwordHash(changed.id)).to.equal('$old')
        expect(await permitted()).to.deep.equal([true, ['users:read', 'users:write']])
      })

      it('keep ended what retention has taken the record of', async () => {
        const one = await deploymentOn(await fresh())
        const { database, connection } = one
        const { knex } = connection
        const [owner, gone] = [sampleUser(), sampleUser()]
        const [app, goneApp] = [sampleClient(), sampleClient()]
        const [api, key] = [sampleResourceServer(), sampleKey()]
        const consent = { scopes: ['openid'], claims: [], resources: { [api.audience]: ['read'] } }
        for (const user of [owner, gone]) await database.users.insert(user)
        for (const client of [app, goneApp]) await database.clients.save(client)
        await database.consents.remember({ userId: owner.id, clientId: app.id, ...consent })
        await database.resourceServers.save(api)
        await database.signingKeys.add(key)
        const settings = { url: 'https://a.example', events: ['*'], description: '', personal: false }
        await database.webhooks.insert('wh_gone', settings, { current: 'whsec_' })
        const former = await saved(one)
        await database.access.withdrawConsent(owner.id, app.id)
        await record(database, { name: 'consent.withdrawn', userId: owner.id, clientId: app.id })
        // Allowed again since: that stands.
        await database.consents.remember({ userId: owner.id, clientId: app.id, ...consent })
        const { file, keys } = await saved(one)

        await database.users.delete(gone.id)
        await record(database, { name: 'user.deleted', userId: gone.id })
        await database.clients.delete(goneApp.id)
        await record(database, { name: 'client.deleted', clientId: goneApp.id })
        await database.resourceServers.delete(api.audience)
        await record(database, { name: 'resource_server.deleted', detail: { audience: api.audience } })
        await database.webhooks.delete('wh_gone')
        await record(database, { name: 'webhook.deleted', detail: { webhook: 'wh_gone' } })
        await record(database, { name: 'signing_key.revoked', detail: { kid: key.kid } })
        await knex('signing_keys').delete()
        const forget = () => knex('audit_events').delete()
        await forget()
        for (const time of ['first', 'second']) {
          const { ended } = await one.backups.restore(file, options({ keys, replace: true }))
          expect(ended, time).to.deep.equal({
            passwords: 0,
            secrets: [],
            webhooks: [],
            keys: [key.kid],
            dataKey: false,
          })
          expect(await database.users.find(gone.id), `${time}: person`).to.equal(undefined)
          expect(await database.clients.find(goneApp.id), `${time}: app`).to.equal(undefined)
          expect(await database.resourceServers.find(api.audience), `${time}: API`).to.equal(undefined)
          expect(await database.webhooks.find('wh_gone'), `${time}: webhook`).to.equal(undefined)
          expect((await database.signingKeys.list()).map(({ state }) => state)).to.deep.equal(['retired'])
          const allowed = await database.consents.find(owner.id, app.id)
          expect(allowed?.scopes, `${time}: consent`).to.deep.equal(['openid'])
          expect(allowed?.resources, `${time}: of the API that is gone`).to.deep.equal({})
          const records = await knex('audit_events').whereRaw(`detail ->> 'by' = 'restore'`).pluck('name')
          expect(records.sort()).to.deep.equal([
            ...['client.deleted', 'resource_server.deleted', 'signing_key.revoked'],
            ...['user.deleted', 'webhook.deleted'],
          ])
          await forget()
        }
        await one.backups.restore(former.file, options({ keys, replace: true }))
        expect(await database.consents.find(owner.id, app.id), 'withdrawn since').to.equal(undefined)
        await one.backups.restore(file, options({ keys, replace: true, revive: true }))
        expect(await database.users.find(gone.id)).to.not.equal(undefined)
        expect((await database.signingKeys.list()).map(({ state }) => state)).to.deep.equal(['retired'])
      })

      it('stop secrets that were replaced since, whatever is known of others, and keep what proves apps now', async () => {
        const one = await deploymentOn(await fresh())
        const { database, atRest } = one
        const administration = new ClientAdministration({
          ...{ database, random: secureRandom, clientsChanged: () => {}, check: async () => {} },
          digestSecret: (text) => digestSecret(atRest, text),
        })
        const by = { by: 'test' }
        const create = (metadata: Record<string, unknown> = {}) =>
          administration.create({ metadata: { redirect_uris: [], ...metadata } }, by)
        const replace = async (id: string) =>
          (await administration.replaceSecret(id, undefined, by, { keepDays: 7 })).secret
        const fits = async (id: string, text: string | undefined) =>
          secretMatches(atRest, (await database.clients.find(id))?.secretDigest ?? '', text ?? '')
        const keysOf = async (id: string) => (await database.clients.find(id))?.metadata.jwks
        const [leaked, before, untouched] = [await create(), await create(), await create()]
        const renewed = await replace(before.client.id)
        const keyed = await create({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: ['old'] } })
        const settings = { url: 'https://a.example', events: ['*'], description: '', personal: false }
        for (const id of ['wh_on', 'wh_rotated'])
          await database.webhooks.insert(id, settings, { current: 'whsec_' })
        await database.roles.insert({
          name: 'desk',
          description: '',
          permissions: ['users:read', 'users:write'],
        })
        const { file, keys } = await saved(one)

        const now = await replace(leaked.client.id)
        await administration.update(keyed.client.id, undefined, { jwks: { keys: ['new'] } }, by)
        await record(database, { name: 'webhook.secret_rotated', detail: { webhook: 'wh_rotated' } })
        await database.roles.change({ name: 'desk', description: '', permissions: ['users:read'] }, undefined)
        // The same secret under another key is no other secret.
        const { id } = untouched.client
        const digest = (await database.clients.find(id))?.secretDigest as string
        await database.clients.renewSecretDigest(id, digest, digest.replace(':1:', ':2:'))
        const later = await saved(one)
        await one.connection.knex('audit_events').delete()
        await one.connection.knex('data_keys').insert({ version: 2, kek_id: 'k', wrapped: Buffer.of(1) })

        for (const time of ['first', 'second']) {
          const { ended } = await one.backups.restore(file, options({ keys, replace: true }))
          expect(ended, time).to.deep.equal({
            ...{
              passwords: 0,
              secrets: [leaked.client.id],
              webhooks: ['wh_rotated'],
              keys: [],
              dataKey: time === 'first',
            },
          })
          expect(await fits(leaked.client.id, leaked.secret), `${time}: the one that leaked`).to.equal(false)
          expect(await fits(leaked.client.id, now)).to.equal(false)
          expect(await fits(before.client.id, renewed), `${time}: replaced before`).to.equal(true)
          expect(await fits(id, untouched.secret), `${time}: never replaced`).to.equal(true)
          expect(await keysOf(keyed.client.id)).to.deep.equal({ keys: ['new'] })
          expect((await database.webhooks.find('wh_on'))?.enabled).to.equal(true)
          const off = await database.webhooks.find('wh_rotated')
          expect(off?.enabled, `${time}: webhook`).to.equal(false)
          expect(off?.disabledBecause).to.include('make another')
          expect((await database.roles.find('desk'))?.permissions).to.deep.equal(['users:read'])
        }
        // The backup that knows of it has the one that was good: none was replaced since.
        const known = await one.backups.restore(later.file, options({ keys, replace: true }))
        expect(known.ended.secrets).to.deep.equal([])
        expect(await fits(leaked.client.id, now)).to.equal(true)
        const anew = await replace(leaked.client.id)
        expect(await fits(leaked.client.id, anew)).to.equal(true)
        const last = await saved(one)
        const whole = await one.backups.restore(last.file, options({ keys, replace: true }))
        expect(whole.ended.secrets).to.deep.equal([])
        expect(await fits(leaked.client.id, anew)).to.equal(true)

        await one.backups.restore(file, options({ keys, replace: true, revive: true }))
        expect(await fits(leaked.client.id, leaked.secret), 'revived').to.equal(true)
        expect(await keysOf(keyed.client.id)).to.deep.equal({ keys: ['old'] })
      })

      it('leave people the addresses they have by now', async () => {
        const one = await deploymentOn(await fresh())
        const { database, connection } = one
        const [moved, gone, first, second] = [sampleUser(), sampleUser(), sampleUser(), sampleUser()]
        for (const user of [moved, gone, first, second]) await database.users.insert(user)
        const { file, keys } = await saved(one)
        const setAddress = (user: { id: string }, email: string) =>
          connection.knex('users').where({ id: user.id }).update({ email, email_key: email.toLowerCase() })
        await database.users.delete(gone.id)
        await record(database, { name: 'user.deleted', userId: gone.id })
        await setAddress(moved, gone.email)
        await setAddress(first, 'between@example.org')
        await setAddress(second, first.email)
        await setAddress(first, second.email)
        await one.backups.restore(file, options({ keys, replace: true }))
        const now = (user: { id: string }) => database.users.find(user.id)
        expect(await now(moved)).to.include({ email: gone.email, status: 'active' })
        for (const user of [first, second]) expect((await now(user))?.status, 'swapped').to.equal('disabled')
      })

      it('erase whoever asked for it since, and nobody who was given back since', async () => {
        const one = await deploymentOn(await fresh())
        const { users, deletions } = one.database
        const [asked, back] = [sampleUser(), sampleUser()]
        for (const user of [asked, back]) await users.insert(user)
        await users.setStatus(back.id, 'disabled')
        await deletions.begin(back.id, 'active', 1)
        const { file, keys } = await saved(one)
        await users.setStatus(back.id, (await deletions.undo(back.id)) ?? 'disabled')
        await users.setStatus(asked.id, 'disabled')
        const at = await deletions.begin(asked.id, 'active', 3600)

        await one.backups.restore(file, options({ keys, replace: true }))
        const waiting = () => one.connection.knex('user_deletions').select('user_id', 'erase_at')
        expect(await waiting()).to.deep.equal([{ user_id: asked.id, erase_at: at }])
        expect((await users.find(asked.id))?.status).to.equal('disabled')
        expect((await users.find(back.id))?.status).to.equal('active')

        await one.backups.restore(file, options({ keys, replace: true, revive: true }))
        expect(await waiting()).to.deep.equal([])
        expect((await users.find(asked.id))?.status).to.equal('active')
        expect((await users.find(back.id))?.status).to.equal('active')
      })

      it('are restored whole or not at all', async () => {
        const { file, keys } = await saved(source)
        await storesOn(target, source.atRest).database.users.insert(sampleUser())
        const before = await rowsOf(target, 'users')
        const dies = options({
          keys,
          replace: true,
          progress: (table) => {
            if (table === 'audit_events') throw new Error('the disk is full')
          },
        })
        expect(await rejection(into(target, source).restore(file, dies))).to.equal('the disk is full')
        expect(await rowsOf(target, 'users')).to.deep.equal(before)
        const declined = {
          ...dies,
          confirm: async () => {
            throw new Error('no')
          },
        }
        expect(await rejection(into(target, source).restore(file, declined))).to.equal('no')
        expect(await rowsOf(target, 'users')).to.deep.equal(before)
      })

      it('of an older schema are brought up to this one, without a key that was named; of a newer one are refused', async () => {
        const key = { ...sampleKey(), state: 'retiring' } as const
        await source.database.signingKeys.add(key)
        const [newest] = (await migrateDown(source.connection)).reverted
        const { file, keys, contents } = await saved(source)
        expect(contents.header.migrations).to.not.include(newest)
        await into(target, source).restore(file, options({ keys, replace: true, revoked: [key.kid] }))
        expect(await target.knex('knex_migrations').where({ name: newest })).to.have.length(1)
        expect(await rowsOf(target, 'users')).to.have.length(
          (await rowsOf(source.connection, 'users')).length,
        )
        const signing = await storesOn(target, source.atRest).database.signingKeys.list()
        expect(signing.find(({ kid }) => kid === key.kid)).to.deep.include({ state: 'retired', jwk: {} })

        await source.connection
          .knex('knex_migrations')
          .insert({ name: '29990101000000_tomorrow.ts', batch: 9 })
        const newer = await saved(source)
        const empty = await fresh()
        expect(await rejection(into(empty, source).restore(newer.file, options(newer)))).to.match(
          /newer: this version does not know 29990101000000_tomorrow\.ts\. Restore it with that version\./,
        )
        expect(await tablesOf(empty)).to.deep.equal([])
      })
    })

  describe('whatever the engine', () => {
    let source: Deployment
    let backup: Awaited<ReturnType<typeof saved>>
    before(async () => {
      source = await deploymentOn(await connectPglite({ dataDir: undefined }))
      await fill(source)
      backup = await saved(source)
    })
    after(() => source.connection.close())
    /** The file with other lines in it, as one would write it who has no keys. */
    const rewritten = (change: (lines: string[]) => string[]) => {
      const { file } = names()
      const lines = gunzipSync(readFileSync(backup.file)).toString().trimEnd().split('\n')
      writeFileSync(file, gzipSync(`${change(lines).join('\n')}\n`))
      return file
    }

    it('hold no key that opens what they hold', () => {
      const text = gunzipSync(readFileSync(backup.file)).toString()
      expect(text).to.include('signing_keys')
      for (const { wrapped } of backup.keys) {
        expect(text).to.not.include(wrapped)
        expect(text).to.not.include(Buffer.from(wrapped, 'base64').toString('hex'))
      }
    })

    it('are refused with one bit changed anywhere, and when they end too early', async () => {
      const whole = readFileSync(backup.file)
      const { file } = names()
      // Behind the gzip header, of which only the first four bytes say anything about what follows.
      for (let place = 10; place < whole.length; place += 1 + Math.floor(whole.length / 60)) {
        const bent = Buffer.from(whole)
        bent.writeUInt8(bent.readUInt8(place) ^ 0x10, place)
        writeFileSync(file, bent)
        expect(await rejection(checkBackup(file, source.atRest)), `byte ${place}`).to.match(
          /damaged|was not made with these keys/,
        )
      }
      for (const length of [0, 5, Math.floor(whole.length / 2), whole.length - 9]) {
        writeFileSync(file, whole.subarray(0, length))
        expect(await rejection(checkBackup(file, source.atRest)), `${length} bytes`).to.match(/damaged/)
      }
      expect((await checkBackup(backup.file, source.atRest)).seal).to.equal(backup.contents.seal)
    })

    it('are refused when rows or tables were changed, swapped, added or taken out', async () => {
      const tableAt = (lines: string[], name: string) =>
        lines.findIndex((line) => line.startsWith(`{"table":"${name}"`))
      const endAt = (lines: string[], from: number) =>
        lines.findIndex((line, at) => at > from && line.startsWith('{"rows"'))
      const part = (lines: string[], name: string) => {
        const from = tableAt(lines, name)
        return { from, until: endAt(lines, from) + 1 }
      }
      const attacks: Record<string, (lines: string[]) => string[]> = {
        'a role given': (lines) => lines.map((line) => line.replace('"owner"', '"admin"')),
        'a row twice': (lines) =>
          lines.toSpliced(tableAt(lines, 'users') + 1, 0, lines[tableAt(lines, 'users') + 1] as string),
        'a row less': (lines) => lines.toSpliced(tableAt(lines, 'users') + 1, 1),
        'tables swapped': (lines) => {
          const [one, two] = [part(lines, 'clients'), part(lines, 'users')]
          const moved = lines.slice(one.from, one.until)
          return [
            ...lines.slice(0, two.from),
            ...moved,
            ...lines.slice(two.from, one.from),
            ...lines.slice(one.until),
          ]
        },
        'a table less': (lines) =>
          lines.toSpliced(
            part(lines, 'user_roles').from,
            part(lines, 'user_roles').until - part(lines, 'user_roles').from,
          ),
        'columns renamed': (lines) =>
          lines.map((line) => line.replace('"email","email_key"', '"email_key","email"')),
        'no seal': (lines) => lines.slice(0, -1),
        'more behind the seal': (lines) => [...lines, '{"table":"users","columns":[]}'],
      }
      for (const [what, change] of Object.entries(attacks))
        expect(await rejection(checkBackup(rewritten(change), source.atRest)), what).to.match(/is damaged/)
    })

    it('are refused when somebody made them up who has no keys, however right the hashes', async () => {
      const other = new Keyring(randomBytes(32))
      const forged = await saved({ ...source, backups: new Backups(source.connection, other) })
      expect(await rejection(checkBackup(forged.file, source.atRest))).to.match(
        /was not made with these keys, or somebody changed it/,
      )
      const target = await connectPglite({ dataDir: undefined })
      expect(
        await rejection(into(target, source).restore(forged.file, options({ keys: backup.keys }))),
      ).to.match(/was not made with these keys/)
      expect(await tablesOf(target)).to.deep.equal([])
      await target.close()
    })

    it('say nothing in the words of who made them up, and need no more memory or time for it', async () => {
      const [head] = gunzipSync(readFileSync(backup.file)).toString().split('\n') as [string]
      const forms: [string, RegExp][] = [
        ['{"ostiary":"backup","format":1}\n', /it does not begin as backups do/],
        [
          `${JSON.stringify({ ...JSON.parse(head), version: '\u001b[2J' })}\n`,
          /does not begin as backups do/,
        ],
        [`${JSON.stringify({ ...JSON.parse(head), migrations: 5 })}\n`, /it does not begin as backups do/],
        [`${head}\n{"table":"x\\u001b[2J","columns":[]}\n`, /a line is out of place/],
        [`${head}\n{"table":"users"}\n`, /a line is out of place/],
        [`${head}\n${'['.repeat(40_000_000)}`, /a line has no end/],
      ]
      const begun = Date.now()
      for (const [text, why] of forms) {
        const { file } = names()
        writeFileSync(file, gzipSync(text))
        expect(await rejection(readBackup(file))).to.match(why)
      }
      expect(Date.now() - begun).to.be.below(15_000)
    })

    it('are refused without the keys they need, and with files that are none', async () => {
      expect(
        await rejection(source.backups.restore(backup.file, options({ keys: [], replace: true }))),
      ).to.match(/The keys file lacks data key 1/)
      const { file } = names()
      writeFileSync(file, 'PGDMP')
      expect(await rejection(checkBackup(file, source.atRest))).to.match(
        /is damaged, or no backup of Ostiary/,
      )
      writeFileSync(file, gzipSync('{"other":"thing"}\n'))
      expect(await rejection(checkBackup(file, source.atRest))).to.match(/is no backup of Ostiary/)
      expect(await rejection(checkBackup(join(folder, 'nowhere'), source.atRest))).to.match(
        /There is no file/,
      )
      expect(await rejection(readKeysFile(backup.file))).to.match(/is no keys file of Ostiary/)
      const { keysFile } = names()
      expect(await rejection(source.backups.save(backup.file, { version: VERSION, keysFile }))).to.match(
        /is there already: choose another name/,
      )
      expect(existsSync(keysFile), 'keys of no backup').to.equal(false)
    })

    it('go from one engine to the other', async () => {
      const { url, drop } = await newPostgresDatabase()
      const target = connectPostgres({ url, poolSize: 2, onError: () => {} })
      await into(target, source).restore(backup.file, options({ keys: backup.keys }))
      expect(await rowsOf(target, 'users')).to.have.length(1)
      const { database } = storesOn(target, source.atRest)
      await ledgerOf(database).link()
      expect((await ledgerOf(database).verify()).findings).to.deep.equal([])
      // The pool is open now, as of a process that runs.
      const running = await rejection(
        into(target, source).restore(backup.file, options({ keys: backup.keys, replace: true })),
      )
      expect(running).to.match(/Ostiary is running on this database: stop every process of it first/)
      await target.close()
      await drop()
    })
  })
})

function record(
  { audit }: Database,
  event: Pick<AuditEvent, 'name' | 'userId' | 'clientId' | 'detail'>,
): Promise<void> {
  return audit.append({ ...event, outcome: 'success', request: undefined })
}

async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was not refused')
}
