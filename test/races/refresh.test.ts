/**
 * Rotating refresh tokens on two nodes, as browsers with many tabs and bad networks use them: whoever asks within ten
 * seconds of a token's first use is served, all of them with one successor; whoever comes later with it is a thief, and
 * then everything that came of the grant is dead on both nodes within a second (RFC 9700 4.14.2).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { times } from '../support/faults.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { exchange, families, PARALLEL } from './single-use-kinds.ts'
import { type Answer, newName, World } from './single-use-world.ts'

const ROUNDS = times(10, 500)
const THEFTS = times(3, 50)
const WINDOW_MS = 10_000
const ENDED_WITHIN_MS = 1_000

describe(`refresh tokens on two nodes (${ROUNDS} rounds of ${PARALLEL})`, function () {
  this.timeout(times(120_000, 1_800_000))
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

  const refresh = (index: number, token: string) =>
    world.token(index, { grant_type: 'refresh_token', client_id: 'spa', refresh_token: token })

  const newFamily = async (person: UserAgent) => {
    const nonce = newName('nonce')
    const { json } = await exchange(world, 0, await world.code(person, { nonce }))
    return { nonce, first: String(json.refresh_token) }
  }

  const together = (token: string): Promise<Answer[]> =>
    Promise.all(Array.from({ length: PARALLEL }, (_, index) => refresh(index, token)))

  const userinfo = (index: number, token: string) =>
    world.send(index, 'GET', '/userinfo', { headers: { authorization: `Bearer ${token}` } })

  it('everybody is served, one successor lives, nobody is signed out', async () => {
    const wrong: string[] = []
    let token = (await newFamily(jane)).first
    for (let round = 0; round < ROUNDS; round += 1) {
      // Half of the rounds go on with what the round before brought: a chain is as good as a beginning.
      const family = round % 2 === 0 ? await newFamily(jane) : undefined
      token = family?.first ?? token
      const answers = await together(token)
      const successors = [...new Set(answers.map(({ json }) => String(json.refresh_token)))]
      const refused = answers.filter(({ status }) => status !== 200)
      if (refused.length > 0) wrong.push(`round ${round}: ${refused.length} refused: ${refused[0]?.text}`)
      if (successors.length !== 1) wrong.push(`round ${round}: ${successors.length} successors`)
      if (family) {
        const [first, live] = await families(world, family.nonce)
        if (first !== 1 || live !== 1) wrong.push(`round ${round}: ${first} families, ${live} live tokens`)
      }
      const [answer] = answers
      if ((await userinfo(round, String(answer?.json.access_token))).status !== 200)
        wrong.push(`round ${round}: what was given does not work`)
      token = String(successors[0])
    }
    expect(wrong, `${wrong.length} faults in ${ROUNDS} rounds`).to.deep.equal([])
  })

  it(`a replay after the window ends everything, on both nodes within a second (${THEFTS} times)`, async () => {
    const stolen: { first: string; next: Answer }[] = []
    for (let theft = 0; theft < THEFTS; theft += 1) {
      // A person for each: what came of another's grant is another's.
      const person = await world.register(`${newName('person')}@example.org`)
      const { first } = await newFamily(person)
      stolen.push({ first, next: await refresh(theft, first) })
    }
    await sleep(WINDOW_MS + 500)
    for (const [index, { first, next }] of stolen.entries()) {
      const { access_token: access, refresh_token: successor } = next.json
      expect((await userinfo(index, access)).status, 'before').to.equal(200)
      expect((await refresh(index, first)).json.error, 'the replay').to.equal('invalid_grant')
      const ended = performance.now()
      for (const node of [0, 1]) {
        while ((await userinfo(node, access)).status !== 401) {
          expect(performance.now() - ended, `lives on at node ${node}`).to.be.below(ENDED_WITHIN_MS)
          await sleep(20)
        }
        expect((await refresh(node, successor)).json.error, `the successor at node ${node}`).to.equal(
          'invalid_grant',
        )
      }
    }
  })
})
