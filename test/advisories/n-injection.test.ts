/**
 * Advisory group N (values that become statements): no SQL is made of what somebody said, by the text of the source and by
 * the statements of a deployment that is asked everything; cursors are sealed for their list, order and filter; no
 * parameter of the API, however it is spelled, fails. CVE-2022-24124, CVE-2026-33504, CVE-2026-33503 (forged page tokens),
 * CVE-2026-44671
 */
import { expect } from 'chai'
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts'
import { type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { createPerson } from '../support/people.ts'
import { get, newAgent, onEveryStack, type ProtocolApp, post } from '../support/protocol.ts'
import { CALLBACK, publicClient, webClient } from '../support/relying-party.ts'
import { readSourceTree } from '../support/source-tree.ts'

const EVIL = [
  `' or '1'='1`,
  `'; drop table users; --`,
  '\\',
  '%',
  '$1',
  ':like',
  '{"$ne":null}',
  `*)(uid=*))(|(uid=*`,
  'NaN',
  '1e999',
  `${'9'.repeat(40)}`,
  '2026-13-45T00:00:00Z',
  'é\u0301\u202e\ud83d\ude00',
  'x'.repeat(1_500),
]

interface Operation {
  path: string
  names: string[]
}

/** Of the API: what is read, with the parameters that are in its address. */
async function readsOf(app: ProtocolApp): Promise<Operation[]> {
  const { json } = await get(`${app.issuer}/openapi.json`)
  const paths = json.paths as Record<string, { get?: { parameters?: { name: string; in: string }[] } }>
  return Object.entries(paths).flatMap(([path, { get: operation }]) =>
    operation
      ? [
          {
            path,
            names: (operation.parameters ?? [])
              .filter(({ in: place }) => place === 'query')
              .map(({ name }) => name),
          },
        ]
      : [],
  )
}

const withValue = (path: string, value: string) => path.replace(/\{\w+\}/g, encodeURIComponent(value))

onEveryStack(
  'advisories N: injection',
  {
    people: [],
    overrides: { clients: [webClient(CONSOLE), publicClient()], limits: { apiPerson: 100_000 } },
  },
  (app) => {
    let admin: Caller
    before(async () => {
      for (const name of ['one', 'two', 'three']) await createPerson(app, { email: `${name}@example.org` })
      admin = await newCaller(app, 'auditing', ['owner'], { scopes: PERMISSION_NAMES })
    })

    it('no parameter makes the API fail', async () => {
      const reads = await readsOf(app)
      expect(reads.length).to.be.above(8)
      const expectSound = async (ask: string) => {
        const { status, text } = await admin.get(ask)
        expect(status, `${ask.slice(0, 200)} ${text.slice(0, 200)}`).to.be.oneOf([200, 400, 404, 422])
        expect(text).to.not.match(
          /syntax error|SQLSTATE|22P02|invalid input syntax|relation "|operator does not exist/i,
        )
      }
      let turn = 0
      for (const { path, names } of reads) {
        // Each parameter gets a few, and all of them their share: one that is refused hides the others.
        for (const name of names)
          for (const evil of Array.from({ length: 4 }, () => EVIL[turn++ % EVIL.length] as string))
            await expectSound(`${withValue(path, 'x')}?${new URLSearchParams({ [name]: evil })}`)
        if (path.includes('{')) for (const evil of EVIL) await expectSound(withValue(path, evil))
      }
    }).timeout(120_000)

    it('no statement holds what somebody said', async () => {
      const { connection } = app.app.storage.inside
      const texts = new Set<string>()
      const hear = ({ sql }: { sql: string }) => texts.add(sql)
      connection.knex.on('query', hear)
      const restore = (['read', 'commit', 'query'] as const).map((method) => {
        const original = connection[method] as (statement: { text: string }) => Promise<never>
        const heard = (statement: { text: string }) => {
          texts.add(statement.text)
          return original(statement)
        }
        Object.assign(connection, { [method]: heard })
        return () => Object.assign(connection, { [method]: original })
      })
      const reads = await readsOf(app)
      const round = async (word: string) => {
        for (const { path, names } of reads) {
          const query = new URLSearchParams(names.map((name) => [name, word]))
          await admin.get(withValue(path, word))
          await admin.get(`${withValue(path, word)}?${query}`)
          for (const name of names) await admin.get(`${withValue(path, word)}?${name}=${word}`)
        }
        const agent = newAgent()
        const request = new URLSearchParams({
          ...{ client_id: 'spa', redirect_uri: CALLBACK, response_type: 'code', scope: `openid ${word}` },
          ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', state: word, login_hint: word },
        })
        const page = await agent.get(`${app.issuer}/auth?${request}`)
        await agent.submit(page, { identifier: word, password: word }, '/sign-in')
        await agent.submit(await agent.get(`${app.issuer}/forgot-password`), { email: `${word}@example.org` })
        for (const path of [
          '/interaction/',
          '/approve/',
          '/setup/',
          '/verify-email/prf_',
          '/auth/',
          '/mailbox/',
        ])
          await agent.get(`${app.issuer}${path}${word}`)
        for (const grant of ['authorization_code', 'refresh_token', word])
          await post(`${app.issuer}/token`, {
            ...{ grant_type: grant, client_id: 'spa', code: word, refresh_token: word, code_verifier: word },
            redirect_uri: CALLBACK,
          })
        await post(`${app.issuer}/token`, { grant_type: 'authorization_code', client_id: word, code: word })
        await post(`${app.issuer}/revoke`, { token: word, client_id: 'spa' })
        await get(`${app.issuer}/userinfo`, { bearer: word })
      }
      try {
        await round('markerword')
        expect([...texts].filter((text) => text.includes('markerword'))).to.deep.equal([])
        expect(texts.size).to.be.above(20)
      } finally {
        connection.knex.off('query', hear)
        for (const each of restore) each()
      }
    }).timeout(120_000)

    it('cursors are taken by the list, order and filter they came from, whole (CVE-2026-33504)', async () => {
      const lists = (await readsOf(app)).filter(
        ({ path, names }) => names.includes('cursor') && !path.includes('{'),
      )
      const cursors = new Map<string, string>()
      for (const { path } of lists) {
        const { json } = await admin.get(`${path}?limit=1`)
        if (json.next_cursor) cursors.set(path, json.next_cursor)
      }
      expect(cursors.size).to.be.above(2)
      const refused = async (path: string, cursor: string, what: string, more = '') => {
        const { status, json } = await admin.get(
          `${path}?limit=1${more}&cursor=${encodeURIComponent(cursor)}`,
        )
        expect([status, json.code], `${path} ${what}`).to.deep.equal([400, 'invalid_parameter'])
      }
      for (const [path, cursor] of cursors) {
        expect((await admin.get(`${path}?limit=1&cursor=${cursor}`)).status).to.equal(200)
        const bytes = Buffer.from(cursor, 'base64url')
        for (let index = 0; index < bytes.length; index += 1) {
          const flipped = Buffer.from(bytes)
          flipped[index] = (flipped[index] as number) ^ (1 << (index % 8))
          await refused(path, flipped.toString('base64url'), `bit of byte ${index}`)
        }
        for (const length of [0, 1, 12, bytes.length - 1])
          await refused(path, bytes.subarray(0, length).toString('base64url'), `${length} bytes`)
        await refused(path, Buffer.from('["2026-01-01","usr_1"]').toString('base64url'), 'made up')
        await refused(path, `${cursor}AAAA`, 'longer')
        for (const [other, theirs] of cursors) if (other !== path) await refused(path, theirs, `of ${other}`)
      }
      const people = cursors.get('/api/v1/admin/users') ?? ''
      await refused('/api/v1/admin/users', people, 'another order', '&sort=email')
      await refused('/api/v1/admin/users', people, 'another filter', '&status=active')
    }).timeout(120_000)
  },
)

/** Parts of statements that are made in the source: names of constants, of functions that make parts, of parts. */
const CONSTANT = /^(?:[a-z]+\.)?[A-Z][A-Z_]*(?:\.join\(', '\)|\[\w+\]\.table)?$/
const MAKERS = /^(?:sql\.)?(?:alive|expires|or|foundColumns|section\.lost|lookup\.select)\(/
const PARTS = new Set([
  ...[
    'table',
    'column',
    'columns',
    'from',
    'by',
    'owner',
    'found',
    'value',
    'model',
    'kind',
    'loss',
    'standing',
  ],
  ...['ofGrant', 'ofClient', 'before', 'sql', 'isOver', 'recent', 'successor', 'unreplaced', 'ordering.by'],
  ...['parts.join()', "parts.join(',\\n')", "arrays.join(', ')", "tables.join(', ')", "columns.join(', ')"],
  ...["columns.map(([column]) => column).join(', ')", 'columns.payload'],
])
/** Parts that are so in one file only. */
const PARTS_OF: Record<string, string[]> = {
  // names of tables and columns: of our own list, and of the catalogue
  'storage/sql/backup/dump.ts': ['texts', 'name', 'only'],
  'storage/sql/backup/load.ts': ["values.join(', ')", 'name'],
  'storage/sql/repositories/webhooks.ts': ['condition'],
  'storage/sql/commit-approval.ts': ["list('scopes')", "list('claims')"],
}
/** One of two texts, both in the source. */
const EITHER = /^[\w.]+(?: === '[\w-]+')? \? (?:'[^']*'|\w+) : (?:'[^']*'|\w+)$/
const SQL =
  /(?:^|[\s`(])(?:select|insert into|update|delete from|from|where|order by|values|returning|join|limit|and|or)\s/i

describe('the SQL in the source', () => {
  const tree = readSourceTree()
  const inside = tree.filter(({ path }) => path.startsWith('storage/sql/'))

  /** Template literals, and what is put into each. */
  const templatesOf = (code: string) =>
    [...code.matchAll(/`(?:[^`\\]|\\.)*`/g)].map(([template]) => ({
      template,
      values: [...template.matchAll(/\$\{((?:[^{}]|\{[^{}]*\})*)\}/g)].map(([, value = '']) => value.trim()),
    }))
  const isPart = (value: string, path = '') =>
    [CONSTANT, MAKERS, EITHER].some((shape) => shape.test(value)) ||
    PARTS.has(value) ||
    PARTS_OF[path]?.includes(value)

  it('is put together of constant parts; values travel apart from it', () => {
    const wrong = inside.flatMap(({ path, code }) =>
      templatesOf(code)
        .filter(({ template }) => SQL.test(template))
        // Sentences of errors read like SQL to a test; they begin with what they are about.
        .filter(({ template }) => !/^`(?:[A-Z]|a request|\$\{(?:model|kind|code)\})/.test(template))
        .flatMap(({ values }) =>
          values.filter((value) => !isPart(value, path)).map((value) => `${path}: \${${value}}`),
        ),
    )
    expect(wrong).to.deep.equal([])
  })

  it('is nowhere else, and never added up with a plus', () => {
    const elsewhere = tree.filter(
      ({ path, code }) =>
        !path.startsWith('storage/sql/') &&
        /\b\w*[rR]aw\(\s*[`'"](?:select|insert|update|delete|with)\b/i.test(code),
    )
    expect(elsewhere.map(({ path }) => path)).to.deep.equal([])
    const added = inside.filter(({ code }) => /[rR]aw\([^)]*['"`]\s*\+/.test(code))
    expect(added.map(({ path }) => path)).to.deep.equal([])
  })

  it('would be noticed if a value were in it', () => {
    for (const value of ['name', 'id', 'user.email', 'query.sort', 'ctx.query', 'search'])
      expect(isPart(value), value).to.not.equal(true)
    const made = ['x(`select * from t where a = $', '{name}`)'].join('')
    expect(templatesOf(made)[0]?.values).to.deep.equal(['name'])
  })
})
