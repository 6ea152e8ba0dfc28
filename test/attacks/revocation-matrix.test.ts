/**
 * What ends ends, everywhere and for good (decision 16): every way access ends, times everything a person and an app
 * hold of each other, times where it is tried; and the same while requests are on their way.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { CHECKS, GATEWAY, type Holdings, makeHoldings, Pair, REGISTRATION } from '../support/access.ts'
import { ENDINGS, type Ending } from '../support/endings.ts'
import { LONG, times } from '../support/faults.ts'
import { aliveOf, type InFlight, REQUESTS } from '../support/in-flight.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'
import type { UserAgent } from '../support/user-agent.ts'

const MANY = 100_000
const LIMITS = { signInNetwork: MANY, formNetwork: MANY, userCodeNetwork: MANY, mailNetwork: MANY }
/** What other nodes keep of a client is at most this old. */
const CLIENT_AGE_MS = 1000

/** Where it is tried, after the end came about on the first node. */
const PLACES: Record<string, (nodes: Nodes) => Promise<void>> = {
  'on the same node': async () => {},
  'on another node': async (nodes) => {
    nodes.current = 1
  },
  'after a restart': (nodes) => nodes.restart(),
  'after Redis lost everything': (nodes) => nodes.flushRedis(),
}

describe('revocation', function () {
  this.timeout(60_000)
  let nodes: Nodes
  before(async () => {
    nodes = await startNodes(
      2,
      { INITIAL_ACCESS_TOKEN: REGISTRATION },
      { clients: [GATEWAY], limits: LIMITS },
    )
  })
  beforeEach(() => {
    nodes.current = 0
  })
  afterEach(() => {
    const failed = nodes.logs.splice(0).filter(({ level }) => level === 'error')
    expect(failed.map((line) => JSON.stringify(line).slice(0, 1000))).to.deep.equal([])
  })
  after(() => nodes?.close())

  for (const [name, ending] of Object.entries(ENDINGS)) {
    for (const [place, go] of Object.entries(PLACES)) {
      describe(`by ${name}, ${place}`, () => {
        let pair: Pair
        let holdings: Holdings
        before(async () => {
          nodes.current = 0
          pair = await Pair.make(nodes)
          holdings = await makeHoldings(pair)
          await ending.end(pair, [holdings.here, holdings.away])
          await go(nodes)
          if (ending.ofClient) await sleep(CLIENT_AGE_MS)
        })
        beforeEach(async () => {
          if (place === 'on another node') nodes.current = 1
        })

        for (const [what, works] of Object.entries(CHECKS)) {
          const left = ending.leaves.includes(what)
          it(`${left ? 'leaves' : 'ends'} the ${what}`, async () => {
            expect(await works(pair, holdings)).to.equal(left)
          })
        }

        if (ending.undo)
          it('and what is undone brings nothing back', async () => {
            await ending.undo?.(pair)
            await sleep(CLIENT_AGE_MS)
            for (const what of [
              'refresh token',
              'introspection by the app',
              'userinfo',
              'lasting refresh token',
            ])
              expect(await CHECKS[what]?.(pair, holdings), what).to.equal(false)
            const again = await pair.exchange(await pair.authorize(pair.browser()))
            expect(again.status, 'a new sign-in').to.equal(200)
          })
      })
    }
  }

  describe('in flight', function () {
    this.timeout(LONG ? 1_800_000 : 180_000)
    const combinations = Object.entries(ENDINGS).flatMap(([name, { mayFollow = [] }]) =>
      Object.keys(REQUESTS)
        .filter((request) => !mayFollow.includes(request))
        .map((request) => [name, request] as const),
    )

    it(`leaves nothing, in ${times(combinations.length, 1000)} tries`, async () => {
      const resurrected: string[] = []
      let answered = 0
      for (let index = 0; index < times(combinations.length, 1000); index += 1) {
        const [name, request] = combinations[index % combinations.length] as readonly [string, string]
        const ending = ENDINGS[name] as Ending
        const pair = await Pair.make(nodes)
        const { browsers, send } = await (REQUESTS[request] as (pair: Pair) => Promise<InFlight>)(pair)
        const [outcome] = await Promise.all([
          soon().then(send),
          soon().then(() => ending.end(pair, browsers)),
        ]).catch((cause: unknown) => {
          throw new Error(`${request}, while ${name} (try ${index + 1}): ${cause}`, { cause })
        })
        if (Object.values(outcome).some((value) => value !== undefined)) answered += 1
        const deadline = performance.now() + CLIENT_AGE_MS
        const alive = async () => [
          ...(await aliveOf(pair, outcome)),
          ...(ending.leaves.includes('session') ? [] : await signedIn(pair, browsers)),
        ]
        let left = await alive()
        while (ending.ofClient && left.length > 0 && performance.now() < deadline) left = await alive()
        await ending.undo?.(pair)
        for (const what of [...left, ...(ending.undo ? await alive() : [])])
          resurrected.push(`${name} / ${request}: ${what}`)
      }
      expect(resurrected).to.deep.equal([])
      // Else nothing raced: all requests came too late.
      expect(answered).to.be.greaterThan(combinations.length / 10)
    })
  })
})

/** So that each may be first, and both may be in the middle. */
const soon = () => sleep(Math.random() * 30)

async function signedIn(pair: Pair, browsers: UserAgent[]): Promise<string[]> {
  const answers = await Promise.all(browsers.map((browser) => pair.isSignedIn(browser)))
  return answers.flatMap((yes) => (yes ? ['session'] : []))
}
