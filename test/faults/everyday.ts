/**
 * What goes on while something breaks: people come and sign in, one who is signed in goes to apps, an app refreshes, a
 * stranger guesses. Writes down every answer that nobody may get: an error of ours, a sign-out, a guess too many.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as client from 'openid-client'
import { createPerson } from '../support/people.ts'
import { begin, exchange } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'
import { codeInHand, type InFlight, signInForm, signInWith } from './steps.ts'

export const GUESSES = 5
const VICTIM = 'victim@example.org'
/** between two rounds of one of them */
const BREATH_MS = 20
/** A busy machine makes few rounds; one where somebody is stuck makes none in this time, either. */
const LAST_ROUNDS_MS = 10_000

type Who = 'newcomer' | 'resident' | 'app' | 'guesser'

export class Everyday {
  readonly #product: InFlight
  #refreshToken: string
  #going = false
  #loops: Promise<void>[] = []
  /** rounds that ended well, and their milliseconds */
  readonly took: Record<Who, number[]> = { newcomer: [], resident: [], app: [], guesser: [] }
  /** what must not have happened */
  readonly wrong: string[] = []
  /** passwords of the victim that were tried, not refused */
  guessed = 0
  /** sign-ins that had to begin anew */
  again = 0

  private constructor(product: InFlight, refreshToken: string) {
    this.#product = product
    this.#refreshToken = refreshToken
  }

  static async prepare(product: InFlight): Promise<Everyday> {
    await createPerson(product.running, { email: VICTIM })
    return new Everyday(product, String(product.tokens.refresh_token))
  }

  start(): void {
    this.#going = true
    for (const waits of Object.values(this.took)) waits.length = 0
    this.wrong.length = 0
    this.again = 0
    this.#loops = [
      this.#loop('newcomer', () => this.#signIn()),
      this.#loop('resident', () => this.#visitApp()),
      this.#loop('app', () => this.#refresh()),
      this.#loop('guesser', () => this.#guess()),
    ]
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#loops)
  }

  /** In the middle of it all: `work`, with ordinary life before, during and after, until each has had a few rounds. */
  async during(work: () => Promise<unknown>): Promise<void> {
    this.start()
    try {
      await sleep(500)
      await work()
      await sleep(500)
      for (let waited = 0; waited < LAST_ROUNDS_MS && this.#fewest() < 4; waited += BREATH_MS)
        await sleep(BREATH_MS)
    } finally {
      await this.stop()
    }
  }

  #fewest(): number {
    return Math.min(...Object.values(this.took).map(({ length }) => length))
  }

  async #loop(who: Who, round: () => Promise<string | undefined>): Promise<void> {
    while (this.#going) {
      const started = performance.now()
      const wrong = await round().catch((error: Error) => `${error.name}: ${error.message}`)
      if (wrong === undefined) this.took[who].push(performance.now() - started)
      else this.wrong.push(`${who}: ${wrong.slice(0, 300)}`)
      await sleep(BREATH_MS)
    }
  }

  /** A browser that was never here. What it did may be forgotten once; a page then says where to go on. */
  async #signIn(): Promise<string | undefined> {
    const { agent, page } = await signInForm(this.#product)
    let end = await signInWith(agent, page)
    if (!end.url.includes('code=') && end.status < 500 && end.forms.length > 0) {
      this.again += 1
      end = await signInWith(agent, end)
    }
    return end.url.includes('code=') ? undefined : `${end.status} ${end.url} ${end.text.slice(0, 200)}`
  }

  async #visitApp(): Promise<string | undefined> {
    const { rp } = this.#product
    const { url, started } = await codeInHand(this.#product)
    const { access_token } = await exchange(rp, url, started)
    const answer = await client.fetchProtectedResource(
      rp,
      access_token,
      new URL(`${this.#product.running.issuer}/userinfo`),
      'GET',
    )
    return answer.status === 200 ? undefined : `userinfo ${answer.status}`
  }

  async #refresh(): Promise<string | undefined> {
    const tokens = await client.refreshTokenGrant(this.#product.rp, this.#refreshToken)
    this.#refreshToken = tokens.refresh_token ?? this.#refreshToken
    return undefined
  }

  async #guess(): Promise<string | undefined> {
    const agent = new UserAgent()
    const page = await agent.get((await begin(this.#product.rp)).url.href)
    const answer = await agent.submit(page, { identifier: VICTIM, password: 'wrong wrong wrong' }, '/sign-in')
    if (answer.status === 401) this.guessed += 1
    return [401, 429].includes(answer.status) ? undefined : `${answer.status} ${answer.text.slice(0, 200)}`
  }
}
