/**
 * Advisory group H (user enumeration): at every place where a stranger can name somebody, whether there is such an account is
 * told neither by the answer (status, headers, words) nor by the time it takes. Times are compared as two samples, taken in
 * random order (Mann and Whitney's U as a share: 0.5 when nothing can be told, 1 when everything can); a difference must show
 * three times in a row to count, for the machine does other things, too. Seen so is work that is left out, as a hash; a millisecond
 * is seen on a quiet machine only.
 * CVE-2026-4633, CVE-2024-41952, CVE-2026-23511, CVE-2025-67717
 */
import { expect } from 'chai'
import { Access } from '../../src/domain/access/service.ts'
import { auth } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { onEveryStack, post } from '../support/protocol.ts'
import { randomFrom } from '../support/random-from.ts'
import { begin, discover, PASSWORD, RP_SECRET } from '../support/relying-party.ts'
import { agentFrom, WAYS_CLIENTS, WAYS_SETTINGS, waysIn } from '../support/ways-in.ts'

/** Requests for each name; where nothing is hashed, differences are smaller, and requests cheaper. */
const FEW = 12
const SOME = 40
/** How well times tell beyond chance: with equal times once in some 3,000 comparisons, and it must show three times. */
const tells = (samples: number) => 0.5 + 3.6 * Math.sqrt((2 * samples + 1) / (12 * samples * samples))
const WRONG = 'wrong wrong wrong wrong'
const IP = '198.51.100.7'
const SEED = Number(process.env.SEED ?? 20261121)
const many = 1_000_000

interface Said {
  status: number
  text: string
  headers: Headers
}
type Ask = (name: string) => Promise<Said>

const options = {
  people: [{ email: 'known@example.org', username: 'known.name' }],
  settings: WAYS_SETTINGS,
  overrides: {
    clients: WAYS_CLIENTS,
    limits: {
      ...{ signInStranger: many, signInMonth: many, signInNetwork: many, apiNetwork: many },
      ...{ mailAddress: many, mailNetwork: many, formNetwork: many, userCodeNetwork: many },
      ...{ approvalPerson: many, approvalClient: many },
    },
  },
}

onEveryStack('advisories H: enumeration', options, (app) => {
  const random = randomFrom(SEED)
  let strangers = 0
  /** Names that somebody has, by why their answer could differ. */
  const KNOWN = {
    'an account': 'known@example.org',
    'an account that is disabled': 'disabled@example.org',
    'an account without a password': 'invited@example.org',
    'an account whose address is not proven': 'unproven@example.org',
  }
  const nobody = () => {
    strangers += 1
    return `nobody-${strangers}@example.org`
  }

  before(async () => {
    const { database } = app.app.storage
    const disabled = await createPerson(app, { email: 'disabled@example.org' })
    await new Access(database).disableUser(disabled.id, { by: 'test' })
    await createPerson(app, { email: 'unproven@example.org', verified: false })
    await database.users.insert({
      ...{ id: 'usr_invited', email: 'invited@example.org', emailVerified: false },
      ...{ username: undefined, profile: {} },
    })
    await database.emailProofs.insert({
      ...{
        id: 'prf_invited',
        purpose: 'reset-password',
        userId: 'usr_invited',
        email: 'invited@example.org',
      },
      ...{ flow: 'reset:invited@example.org', interactionUid: undefined, registration: undefined },
      ttlSeconds: 86_400,
    })
  })

  const page = async (path: string, fields: Record<string, string>, pick: string): Promise<Said> => {
    const agent = agentFrom(IP)
    return agent.submit(await agent.get(path), fields, pick)
  }
  const start = async () => (await begin(await discover(app.issuer))).url.href
  const api = (what: string, body: Record<string, unknown>) => auth(app, what, body)

  /** Every entry where a stranger names somebody. Not those who need a token: they are no strangers. */
  const entries: Record<string, Ask> = {
    ...Object.fromEntries(
      Object.entries(waysIn(app)).map(([how, way]): [string, Ask] => [
        `a password ${how}`,
        (name) => way(name, WRONG, IP),
      ]),
    ),
    'a registration on the page': async (email) => {
      const agent = agentFrom(IP)
      const form = await agent.get(`${(await agent.get(await start())).url}/register`)
      return agent.submit(form, { email, username: '', password: PASSWORD }, '/register')
    },
    'a registration by the API': (email) => api('register', { email, password: PASSWORD }),
    'a forgotten password on the page': (email) =>
      page(`${app.issuer}/forgot-password`, { email }, '/forgot-password'),
    'a forgotten password by the API': (email) => api('forgot-password', { email }),
    'another mail by the API': (email) => api('resend-verification', { email }),
    'an approval asked by an app': (email) =>
      post(
        `${app.issuer}/backchannel`,
        { scope: 'openid', login_hint: email },
        { basic: ['web', RP_SECRET] },
      ),
    'a hint in an authorization request': async (email) => {
      const { url } = await begin(await discover(app.issuer), { login_hint: email })
      return agentFrom(IP).get(url.href)
    },
  }

  /** Milliseconds of each request for each name, all of them in random order. */
  async function timesOf(
    ask: Ask,
    names: Record<string, () => string>,
    samples: number,
  ): Promise<Record<string, number[]>> {
    const times: Record<string, number[]> = {}
    const all = Object.keys(names).flatMap((kind) => Array<string>(samples).fill(kind))
    const order = all.map((kind) => ({ kind, at: random() })).sort((a, b) => a.at - b.at)
    for (const { kind } of order) {
      const name = names[kind]?.() as string
      const started = performance.now()
      await ask(name)
      times[kind] = [...(times[kind] ?? []), performance.now() - started]
    }
    return times
  }

  /** What of `kinds` is told from nobody by time, three times in a row. */
  async function toldByTime(
    ask: Ask,
    kinds: Record<string, () => string>,
    samples: number,
  ): Promise<Record<string, number>> {
    // Asked as often as the others: what was there once already may take another time than what was not.
    const stranger = nobody()
    let suspects = kinds
    let found: Record<string, number> = {}
    for (let round = 0; round < 3 && Object.keys(suspects).length > 0; round += 1) {
      const { nobody: none = [], ...times } = await timesOf(
        ask,
        { ...suspects, nobody: () => stranger },
        samples,
      )
      const shares = Object.entries(times).map(([kind, own]) => [kind, share(own, none)] as const)
      found = Object.fromEntries(shares.filter(([, one]) => one > tells(samples)))
      suspects = Object.fromEntries(Object.entries(suspects).filter(([kind]) => kind in found))
    }
    return found
  }

  it('is seen by the judge where it is there', async () => {
    const hashing = entries['a password by the API'] as Ask
    const leaky: Ask = (name) => (name.startsWith('nobody') ? api('login', { email: name }) : hashing(name))
    const found = await toldByTime(leaky, { known: () => KNOWN['an account'] }, FEW)
    expect(found.known, 'with a hash, and without').to.be.above(tells(FEW))
  }).timeout(120_000)

  for (const [entry, ask] of Object.entries(entries))
    it(`is told by no answer and by no time of ${entry}`, async () => {
      const stranger = nobody()
      const nothing = shapeOf(await ask(stranger), stranger)
      for (const [kind, name] of Object.entries(KNOWN))
        expect(shapeOf(await ask(name), name), kind).to.deep.equal(nothing)
      const kinds = Object.fromEntries(Object.entries(KNOWN).map(([kind, name]) => [kind, () => name]))
      const samples = /^a (password|registration)/.test(entry) ? FEW : SOME
      expect(await toldByTime(ask, kinds, samples), 'told apart by time').to.deep.equal({})
    }).timeout(300_000)

  it('is told by no username, on whatever way', async () => {
    for (const [how, way] of Object.entries(waysIn(app))) {
      const said = await Promise.all(
        ['known.name', 'nobody.name'].map(async (name) => shapeOf(await way(name, WRONG, IP), name)),
      )
      expect(said[0], how).to.deep.equal(said[1])
    }
  })

  it('is told by no code or link that is made up', async () => {
    const { users } = app.app.storage.database
    const person = await users.findByEmail('unproven@example.org')
    const said = await Promise.all(
      ['usr_nobody', String(person?.id)].map(async (id) =>
        shapeOf(await api('verify-email', { id, code: '123456' }), id),
      ),
    )
    expect(said[0]).to.deep.equal(said[1])
  })
})

/** How well two samples of times are told apart: 0.5 not at all, 1 always. */
function share(one: readonly number[], other: readonly number[]): number {
  let above = 0
  for (const a of one) for (const b of other) above += a > b ? 1 : a === b ? 0.5 : 0
  const part = above / (one.length * other.length)
  return Math.max(part, 1 - part)
}

/** What was said, without what is another each time: names that were sent, ids, times, forms' tokens. */
function shapeOf({ status, text, headers }: Said, name: string) {
  const words = text
    .replaceAll(name, 'NAME')
    .replaceAll(encodeURIComponent(name), 'NAME')
    .replace(/"(auth_req_id|id|request_id|created_at|_csrf|nonce)"\s*:\s*"[^"]*"/g, '"$1"')
    .replace(/value="[^"]{20,}"/g, 'value')
    .replace(/\/(interaction|open)\/[\w-]+/g, '/$1')
    .replace(/\bflow=[\w-]+/g, 'flow')
    .replace(/nonce="[^"]*"/g, 'nonce')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID')
    // counted down from 60, and a second may end while the page is made
    .replace(/\b(59|60)(?="| seconds)/g, 'A MINUTE')
  const named = ['content-type', 'cache-control', 'retry-after', 'www-authenticate']
  return { status, words, headers: named.map((header) => headers.get(header)) }
}
