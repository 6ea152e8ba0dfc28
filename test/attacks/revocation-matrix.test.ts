/**
 * What ends ends, everywhere and for good (decision 16): every way access ends, times everything a person and an app
 * hold of each other, times where it is tried; and the same while requests are on their way.
 */
import { expect } from 'chai'
import { CHECKS, GATEWAY, type Holdings, makeHoldings, Pair, REGISTRATION } from '../support/access.ts'
import { ENDINGS, type Ending } from '../support/endings.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'

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
          if (ending.ofClient) await new Promise((resolve) => setTimeout(resolve, CLIENT_AGE_MS))
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
            await new Promise((resolve) => setTimeout(resolve, CLIENT_AGE_MS))
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
})
