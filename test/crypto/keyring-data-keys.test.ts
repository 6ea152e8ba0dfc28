/** Data keys in the database: made once, wrapped, wrapped anew, refused, rotated, retired. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { DataKeys, WrongSecretKey } from '../../src/crypto/data-keys.ts'
import { KeyRotation, StillNeededError } from '../../src/crypto/key-rotation.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { TOKEN_PURPOSE } from '../../src/domain/clients/initial-access-token.ts'
import { digestSecret } from '../../src/oidc/client-secret.ts'
import { PAIRWISE_SALT, pairwiseIdentifier } from '../../src/oidc/pairwise.ts'
import { SqlDataKeys } from '../../src/storage/sql/repositories/data-keys.ts'
import { SEALED_COLUMNS } from '../../src/storage/sql/sealed-columns.ts'
import { selected, sqlBackends, storesOn } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { sampleClient, sampleKey, sampleUser } from '../support/samples.ts'

const secret = () => randomBytes(32)

for (const backend of selected(sqlBackends).filter(({ name }) => name !== 'pglite (disk)')) {
  describe(`data keys (${backend.name})`, function () {
    this.timeout(30_000)
    let instance: Awaited<ReturnType<typeof backend.fresh>>
    beforeEach(async () => {
      instance = await backend.fresh()
    })
    afterEach(() => instance.dispose())

    /** A node as it starts: a keyring of its own, filled from the database. */
    async function node(current: Buffer, previous?: Buffer) {
      const keyring = new Keyring()
      const store = new SqlDataKeys(instance.connection.knex, keyring)
      const keys = new DataKeys(store, keyring, { current, previous })
      const opened = await keys.open()
      return { keyring, keys, store, opened, rotation: new KeyRotation(store, keyring, keys) }
    }
    type Node = Awaited<ReturnType<typeof node>>
    const wrongSecret = async (work: Promise<unknown>) => {
      const error = await failure(work)
      expect(error).to.be.instanceOf(WrongSecretKey)
      return error.message
    }
    const same = (a: Node, b: Node) =>
      expect(a.keyring.hashId('Session', 'x')).to.deep.equal(b.keyring.hashId('Session', 'x'))
    const rows = () => instance.connection.knex('data_keys').orderBy('version')

    it('are made once, however many start at the same moment, and are the same at every start', async () => {
      const root = secret()
      const nodes = await Promise.all(Array.from({ length: 12 }, () => node(root)))
      for (const other of nodes) same(nodes[0]!, other)
      same(nodes[0]!, await node(root))
      expect((await rows()).length).to.equal(1)
      expect((await node(root)).opened).to.deep.equal({
        created: false,
        rewrapped: [],
        previousIsIdle: false,
      })
    })

    it('stand in the table wrapped, each bound to its version', async () => {
      const root = secret()
      const { rotation } = await node(root)
      await rotation.begin({ activeInSeconds: 0 })
      const stored = await rows()
      expect(stored.map(({ wrapped }) => wrapped.length)).to.deep.equal([60, 60])
      await instance.connection.knex('data_keys').where({ version: 1 }).update({ wrapped: stored[1].wrapped })
      expect((await failure(node(root))).message).to.equal(
        'data key 1 cannot be unwrapped: its row in data_keys was changed',
      )
    })

    it('are not opened and not replaced with another secret key: the refusal says what to do', async () => {
      const root = secret()
      const { keyring } = await node(root)
      await instance.connection.knex('signing_keys').insert(sealedKey(keyring))
      const before = await rows()
      const message = await wrongSecret(node(secret()))
      expect(message).to.match(
        /^OSTIARY_SECRET_KEY is not the key this database was made with: data key 1 is wrapped under secret key [0-9a-f]{12}, and here is [0-9a-f]{12}\. Start with that key again\. To change it, set the new one as OSTIARY_SECRET_KEY and that one as OSTIARY_SECRET_KEY_PREVIOUS\.$/,
      )
      await wrongSecret(node(secret(), secret()))
      expect(await rows()).to.deep.equal(before)
      await instance.connection.knex('data_keys').delete()
      expect(await wrongSecret(node(secret()))).to.match(/holds sealed values .* and no data keys/)
      // Not even with the right secret key: it is not what sealed them.
      expect(await wrongSecret(node(root))).to.match(
        /If the table data_keys was emptied, restore it from a backup/,
      )
      expect(await rows()).to.deep.equal([])
    })

    it('are wrapped anew by whichever node starts first under a new secret key, and change nothing', async () => {
      const [old, renewed] = [secret(), secret()]
      const first = await node(old)
      await first.rotation.begin({ activeInSeconds: 0 })
      const before = first.keyring.idHashes('Session', 'x')
      const nodes = await Promise.all(Array.from({ length: 6 }, () => node(renewed, old)))
      expect(nodes.flatMap(({ opened }) => opened.rewrapped).sort()).to.deep.equal([1, 2])
      for (const { keyring } of nodes) expect(keyring.idHashes('Session', 'x')).to.deep.equal(before)
      expect((await node(renewed, old)).opened.previousIsIdle).to.equal(true)
      same(first, await node(renewed))
      await wrongSecret(node(old))
      // A node that still runs with the old one has its keys and keeps them.
      await first.keys.refresh()
      expect(first.keyring.idHashes('Session', 'x')).to.deep.equal(before)
      // And back.
      same(first, await node(old, renewed))
      same(first, await node(old))
    })

    it('of a database older than data keys begin with the secret key itself, so that nothing is lost', async () => {
      const [root, renewed] = [secret(), secret()]
      const former = new Keyring(root)
      await instance.connection.knex('signing_keys').insert(sealedKey(former))
      const upgraded = await node(root)
      expect(upgraded.keyring.hashId('Session', 'x')).to.deep.equal(former.hashId('Session', 'x'))
      await upgraded.rotation.begin({ activeInSeconds: 0 })
      expect(upgraded.keyring.digests('client-secret', 's')[1]).to.deep.equal(
        former.digest('client-secret', 's'),
      )
      expect((await node(renewed, root)).opened.rewrapped).to.deep.equal([1, 2])
    })

    it('come in while nodes run: first known to all, then written with, then everything is sealed with them', async () => {
      const root = secret()
      const [a, b] = [await node(root), await node(root)]
      const stores = storesOn(instance.connection, a.keyring)
      await stores.database.signingKeys.add(sampleKey())
      const made = await stores.database.signingKeys.list()
      await a.rotation.begin({ activeInSeconds: 0.5 })
      expect(a.keyring.version).to.equal(1)
      expect(b.keyring.idHashes('Grant', 'g').length, 'not looked yet').to.equal(1)
      await b.keys.refresh()
      expect(b.keyring.version).to.equal(1)
      expect(b.keyring.idHashes('Grant', 'g').length).to.equal(2)
      expect((await failure(b.rotation.begin())).message).to.equal('data key 2 is on its way already')
      await new Promise((resolve) => setTimeout(resolve, 700))
      expect([a.keyring.version, b.keyring.version]).to.deep.equal([2, 2])
      expect(await a.rotation.reseal()).to.equal(1)
      expect(await a.rotation.reseal()).to.equal(0)
      const [{ sealed }] = await instance.connection.knex('signing_keys')
      expect(sealed[0]).to.equal(2)
      expect(await storesOn(instance.connection, b.keyring).database.signingKeys.list()).to.deep.equal(made)
    })

    it('begin to rotate once, however many ask, and are recorded with it', async () => {
      const root = secret()
      const nodes = await Promise.all(Array.from({ length: 5 }, () => node(root)))
      const tries = await Promise.allSettled(nodes.map(({ rotation }) => rotation.begin()))
      expect(tries.filter(({ status }) => status === 'fulfilled').length).to.equal(1)
      expect((await rows()).length).to.equal(2)
      const records = await instance.connection.knex('audit_events').select('name', 'detail')
      expect(records).to.deep.equal([{ name: 'keys.rotated', detail: { version: 2, forced: false } }])
    })

    it('are not retired while something depends on them, and say what', async () => {
      const root = secret()
      const { keyring, rotation } = await node(root)
      const { database, artifacts } = storesOn(instance.connection, keyring)
      const [user, client] = [sampleUser(), sampleClient()]
      await database.users.insert(user)
      const hasher = new Argon2Hasher(keyring, { memory: 19_456, passes: 2 })
      await database.users.setPassword(user.id, await hasher.hash('a long password of the test'))
      const digest = digestSecret(keyring, 'its secret')
      await database.clients.save({ ...client, secretDigest: digest, firstParty: true })
      await artifacts.upsert('Grant', 'g', { accountId: user.id, clientId: client.id }, 600)
      await artifacts.upsert(
        'RefreshToken',
        'r',
        { grantId: 'g', accountId: user.id, clientId: client.id },
        600,
      )
      await rotation.begin({ activeInSeconds: 0 })
      // The rows were made long before, as they would have been.
      for (const table of ['oidc_grants', 'oidc_refresh_tokens'])
        await instance.connection.knex(table).update({ created_at: new Date(Date.now() - 86_400_000) })
      const depending = [
        { what: 'passwords', count: 1 },
        { what: 'client secrets', count: 1 },
        { what: 'grants', count: 1 },
        { what: 'refresh tokens', count: 1 },
      ]
      expect(await rotation.dependants()).to.deep.equal(depending)
      const refused = await failure(rotation.begin({ activeInSeconds: 0 }))
      expect(refused).to.be.instanceOf(StillNeededError)
      expect((refused as StillNeededError).dependants).to.deep.equal(depending)
      expect((await rows()).length).to.equal(2)

      await database.users.setPassword(user.id, await hasher.hash('a long password of the test'))
      await database.clients.renewSecretDigest(client.id, digest, digestSecret(keyring, 'its secret'))
      expect((await rotation.dependants()).map(({ what }) => what)).to.deep.equal([
        'grants',
        'refresh tokens',
      ])
      await artifacts.destroy('Grant', 'g')
      expect(await rotation.dependants()).to.deep.equal([])
      expect((await rotation.begin({ activeInSeconds: 0 })).version).to.equal(3)
      expect((await rows()).map(({ version }) => version)).to.deep.equal([2, 3])
      expect(keyring.idHashes('Grant', 'g').length).to.equal(2)
    })

    it('are retired by force with everything that only they recognise', async () => {
      const { keyring, rotation } = await node(secret())
      const { artifacts } = storesOn(instance.connection, keyring)
      await artifacts.upsert('Grant', 'old', { clientId: 'c' }, 600)
      await artifacts.upsert('Session', 'old', { uid: 'u', accountId: 'a' }, 600)
      const tokens = storesOn(instance.connection, keyring).database.initialAccessTokens
      await tokens.insert({
        ...{ id: 'iat_old', name: 'old', digest: keyring.digest(TOKEN_PURPOSE, 'value'), policy: {} },
        ...{ usesLeft: 1, maxClients: undefined, ttlSeconds: undefined },
      })
      for (const table of [
        ...['oidc_grants', 'oidc_sessions', 'oidc_session_families'],
        'initial_access_tokens',
      ])
        await instance.connection.knex(table).update({ created_at: new Date(Date.now() - 86_400_000) })
      await rotation.begin({ activeInSeconds: 0 })
      await artifacts.upsert('Grant', 'new', { clientId: 'c' }, 600)
      expect((await rotation.dependants()).map(({ what }) => what)).to.include.members([
        ...['sessions', 'grants'],
        'initial access tokens of operators',
      ])
      await rotation.begin({ activeInSeconds: 0, force: true })
      expect(await artifacts.find('Grant', 'old')).to.equal(undefined)
      expect((await tokens.list())[0]?.revokedAt, 'its clients keep its limits').to.be.instanceOf(Date)
      expect(await artifacts.find('Grant', 'new')).to.include({ clientId: 'c' })
      expect(await artifacts.findSessionsByAccount('a')).to.deep.equal([])
      expect(await instance.connection.knex('oidc_session_families')).to.deep.equal([])
    })

    it("leave the deployment's own secrets what they are, whichever keys change: pairwise subjects hang on one", async () => {
      const [old, renewed] = [secret(), secret()]
      const subjectBy = async ({ keyring }: Node) => {
        const secrets = storesOn(instance.connection, keyring).database.deploymentSecrets
        const salt = await secrets.once(PAIRWISE_SALT, () => randomBytes(32).toString('base64url'))
        const client = { sectorIdentifier: 'app.example.org' }
        return pairwiseIdentifier(salt)(undefined as never, 'usr_1', client as never)
      }
      const versionSealedWith = async () =>
        (await instance.connection.knex('deployment_secrets').first()).sealed[0]
      const first = await node(old)
      const subject = await subjectBy(first)
      expect(await versionSealedWith()).to.equal(1)
      for (const version of [2, 3]) {
        await first.rotation.begin({ activeInSeconds: 0 })
        expect(await first.rotation.reseal()).to.equal(1)
        expect(await versionSealedWith()).to.equal(version)
        expect(await subjectBy(await node(old))).to.equal(subject)
      }
      expect(
        (await rows()).map(({ version }) => version),
        'the version it was sealed with is gone',
      ).to.deep.equal([2, 3])
      await node(renewed, old)
      expect(await subjectBy(await node(renewed))).to.equal(subject)
    })

    // Artifacts and kept answers of the API run out by themselves, within a rotation's time.
    it('seal every column that is sealed for long: no other column holds bytes', async () => {
      const { rows: found } = await instance.connection.knex.raw(
        `select table_name || '.' || column_name as name from information_schema.columns
        where table_schema = 'public' and data_type = 'bytea'
          and table_name not like 'oidc\\_%' and table_name <> 'idempotency_keys' order by 1`,
      )
      const sealed = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`)
      expect(found.map(({ name }: { name: string }) => name)).to.deep.equal(
        ['data_keys.wrapped', ...sealed].sort(),
      )
    })
  })
}

function sealedKey(keyring: Keyring) {
  return {
    kid: 'k',
    use: 'token',
    alg: 'ES256',
    state: 'current',
    sealed: keyring.seal('signing_keys.sealed:k', '{}'),
  }
}
