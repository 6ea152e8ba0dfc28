/**
 * Rotation after rotation under light load, on two nodes, and verifiers that keep the key set for ten minutes: none ever
 * meets a token whose key it does not know (invariant I6). The database's clock is moved on, the tokens are real.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import pg from 'pg'
import { keyMaker } from '../../src/crypto/key-maker.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { keyPolicy, VERIFIERS_CACHE } from '../../src/domain/keys/policy.ts'
import { SigningKeys } from '../../src/domain/keys/service.ts'
import { times } from '../support/faults.ts'
import { followed, kidsOf, passTime, readKeys } from '../support/key-time.ts'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { post } from '../support/protocol.ts'
import { RP_SECRET } from '../support/relying-party.ts'
import { MACHINE } from '../support/steady-load.ts'

const ROTATIONS = times(10, 100)
const API = 'https://api.example.test'
const DAY = 24 * 3600
const NODES = [0, 1]
/** requests of one burst, to each node */
const BURST = 3

const at = (node: number) => ({ [NODE_HEADER]: String(node) })

describe('rotations of the signing keys on two nodes', function () {
  this.timeout(times(180_000, 1_800_000))
  let nodes: Nodes
  let sql: pg.Client

  before(async () => {
    nodes = await startNodes(
      2,
      { RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'], tokenTtl: 3600 }]) },
      { clients: [{ ...MACHINE }] },
    )
    sql = new pg.Client({ connectionString: String(nodes.secrets.databaseUrl) })
    await sql.connect()
  })
  after(async () => {
    await sql?.end()
    await nodes?.close()
  })

  const query = { query: async (text: string, values?: unknown[]) => (await sql.query(text, values)).rows }
  const onEach = <T>(work: (node: number) => Promise<T>) => Promise.all(NODES.map(work))
  const bothFollow = () => onEach((node) => followed(nodes.apps[0]!, nodes.issuer, at(node)))

  async function issue(node: number): Promise<string> {
    const form = { grant_type: 'client_credentials', resource: API, scope: 'read' }
    const basic = [MACHINE.client_id, RP_SECRET] as const
    const { status, text, json } = await post(`${nodes.issuer}/token`, form, { basic, headers: at(node) })
    expect(status, text).to.equal(200)
    return json.access_token
  }

  const burst = async () =>
    (await onEach((node) => Promise.all(Array.from({ length: BURST }, () => issue(node))))).flat()

  it('are followed within seconds by the node that did nothing, also when the notice is lost', async () => {
    const [first] = nodes.apps
    await first!.signingKeys.rotate('ES256', 'test')
    for (const lasted of await bothFollow()) expect(lasted).to.be.below(5_000)
    const mute = new SigningKeys({
      database: first!.storage.database,
      makeKey: keyMaker(secureRandom),
      policy: keyPolicy(['ES256', 'RS256'], 0, 3600),
      keysChanged() {},
    })
    const stored = await first!.storage.database.signingKeys.list()
    const current = stored.find(({ line, state }) => line === 'ES256' && state === 'current')
    await mute.revoke(String(current?.kid), 'test')
    for (const lasted of await bothFollow()) expect(lasted).to.be.below(5_000)
    for (const keys of await onEach((node) => readKeys(nodes.issuer, at(node))))
      expect(kidsOf(keys)).to.not.include(current?.kid)
    const kids = (await burst()).map((token) => decodeProtectedHeader(token).kid)
    expect(new Set(kids).size).to.equal(1)
    expect(kids[0]).to.not.equal(current?.kid)
  })

  it('of two nodes that find the same thing due one does it', async () => {
    await Promise.all(nodes.apps.map((app) => app.signingKeys.advance()))
    const count = async () => (await sql.query('select 1 from signing_keys')).rowCount ?? 0
    const before = await count()
    await sql.query(`update signing_keys set since = since - interval '91 days' where state = 'current'`)
    await Promise.all(Array.from({ length: 8 }, (_, index) => nodes.apps[index % 2]!.signingKeys.advance()))
    expect((await count()) - before, 'a next key for each of the three lines').to.equal(3)
  })

  it('are done by the nodes themselves when they are due', async () => {
    const [first] = nodes.apps
    await first!.signingKeys.rotate('ES256', 'test')
    const stored = await first!.storage.database.signingKeys.list()
    const next = stored.find(({ line, state }) => line === 'ES256' && state === 'next')
    await sql.query(`update signing_keys set since = since - interval '11 minutes'`)
    const started = performance.now()
    for (let signer: unknown; signer !== next?.kid; await sleep(200)) {
      expect(performance.now() - started).to.be.below(40_000)
      signer = decodeProtectedHeader(await issue(1)).kid
    }
  })

  it(`${ROTATIONS} of them under load: no verification fails`, async () => {
    // Each verifier has the keys of one node, fetched at its own time.
    const verifiers = NODES.map((node) => ({ node, keys: { keys: [] } as JSONWebKeySet, fetched: -Infinity }))
    let minutes = 0
    let verified = 0
    let tokens: string[] = []
    const signers = new Set<unknown>()
    const verifyAll = async () => {
      const now = Date.now() / 1000
      tokens = tokens.filter((token) => Number(decodeJwt(token).exp) > now).slice(-40)
      for (const verifier of verifiers) {
        if (minutes * 60 - verifier.fetched >= VERIFIERS_CACHE) {
          verifier.keys = await readKeys(nodes.issuer, at(verifier.node))
          verifier.fetched = minutes * 60
        }
        const keys = createLocalJWKSet(verifier.keys)
        for (const token of tokens) {
          await jwtVerify(token, keys, { issuer: nodes.issuer, audience: API })
          verified += 1
        }
      }
    }
    const load = async () => {
      const issued = await burst()
      for (const token of issued) signers.add(decodeProtectedHeader(token).kid)
      tokens.push(...issued)
      await verifyAll()
    }
    const pass = async (count: number) => {
      minutes += count
      // Requests are on their way while the keys change.
      const changing = passTime(nodes.apps[minutes % 2]!, query, count * 60)
      await Promise.all([changing, load()])
      await bothFollow()
    }

    await bothFollow()
    for (let rotation = 0; rotation < ROTATIONS; rotation += 1) {
      const before = signers.size
      await nodes.apps[rotation % 2]!.signingKeys.rotate(undefined, 'test')
      await load()
      await bothFollow()
      // Three steps, of which the last brings the change, and a different one each time at which verifiers fetch.
      for (const step of [4, 3 + (rotation % 3), 5]) await pass(step)
      await load()
      expect(signers.size, `rotation ${rotation}`).to.be.above(before)
      if (rotation % 10 === 9) {
        // Longer than anything signed is looked at: those before are gone, and so are their tokens.
        tokens = []
        for (const verifier of verifiers) verifier.fetched = -Infinity
        await pass(31 * (DAY / 60))
        expect((await readKeys(nodes.issuer)).keys.length).to.be.below(8)
      }
    }
    expect(signers.size).to.be.at.least(ROTATIONS)
    expect(verified).to.be.above(ROTATIONS * 100)
  })
})
