/** What must not come of trying again, or of trying many at once, on two nodes. */
import { expect } from 'chai'
import { ISSUER } from '../support/ledger-nodes.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { exchange, PARALLEL } from './single-use-kinds.ts'
import { codeIn, fieldsOf, World } from './single-use-world.ts'

describe('tried again on two nodes', function () {
  this.timeout(120_000)
  let world: World
  let jane: UserAgent

  before(async () => {
    world = await World.start()
    jane = await world.register('jane@example.org')
  })
  after(() => world?.stop())

  afterEach(() => {
    expect(world.nodes.takeServerErrors(), 'what the logs say').to.deep.equal([])
  })

  it('a code that comes twice opens nothing any more, at either (RFC 6749 4.1.2)', async () => {
    const code = await world.code(jane)
    const { json } = await exchange(world, 0, code)
    expect(json.refresh_token).to.be.a('string')
    expect((await exchange(world, 1, code)).status, 'once more, at the other').to.equal(400)
    for (const index of [0, 1]) {
      const refreshed = await world.token(index, {
        grant_type: 'refresh_token',
        client_id: 'spa',
        refresh_token: json.refresh_token,
      })
      expect(refreshed.status).to.equal(400)
      const headers = { authorization: `Bearer ${json.access_token}` }
      expect((await world.send(index, 'GET', '/userinfo', { headers })).status).to.equal(401)
    }
  })

  it(`${PARALLEL} wrong codes at once count as ${PARALLEL}: the right one is locked out after 5`, async () => {
    const { browser, verify, mail } = await world.beginRegistration('guess@example.org')
    const right = codeIn(mail)
    const path = `${new URL(verify.url).pathname}/verify-email`
    const cookie = browser.cookieHeader(ISSUER + path)
    const fields = fieldsOf(verify, '/verify-email')
    const guess = (index: number, code: string) =>
      world.send(index, 'POST', path, { form: { ...fields, code }, headers: { cookie } })
    const wrong = (index: number) => String((Number(right) + index + 1) % 1_000_000).padStart(6, '0')
    const answers = await Promise.all(
      Array.from({ length: PARALLEL }, (_, index) => guess(index, wrong(index))),
    )
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([422]))
    expect((await guess(0, right)).status, 'the right code after the guesses').to.equal(422)
    expect(await world.audited('user.registered', 'guess@example.org')).to.equal(0)
  })

  it('both sign with the same keys', async () => {
    const [one, other] = await Promise.all([0, 1].map((index) => world.send(index, 'GET', '/jwks')))
    expect(one?.json.keys.length).to.be.above(0)
    expect(one?.text).to.equal(other?.text)
  })
})
