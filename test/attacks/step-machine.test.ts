/**
 * Random walks through every step of the sign-in, in any order, with foreign values (security.md group F, figure 7):
 * whoever ends at the app is somebody whose password this browser gave, or who this browser registered and proved.
 */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { randomFrom } from '../support/random-from.ts'
import {
  begin,
  CALLBACK,
  discover,
  exchange,
  PASSWORD,
  type Started,
  webClient,
} from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const WALKS = Number(process.env.WALKS ?? 40)
const STEPS = 12
const STEP_NAMES = [
  'sign-in',
  'register',
  'verify-email',
  'resend',
  'restart',
  'account',
  'other',
  'forget',
  'consent',
  'switch',
  'abort',
]

for (const stack of STACKS) {
  describe(`the sign-in, walked at random (${stack})`, function () {
    this.timeout(600_000)
    let running: RunningApp
    let victim: string
    let mallory: string
    before(async () => {
      const many = 1_000_000
      running = await startApp({
        stack,
        overrides: {
          clients: [webClient()],
          limits: {
            signInStranger: many,
            signInMonth: many,
            signInDevice: many,
            signInNetwork: many,
            formNetwork: many,
            mailAddress: many,
            mailNetwork: many,
          },
        },
      })
      victim = (
        await createPerson(running, {
          email: 'victim@example.org',
          username: 'victim',
          password: 'only the victim knows this',
        })
      ).id
      mallory = (await createPerson(running, { email: 'mallory@example.org' })).id
    })
    after(() => running.close())

    it('never ends as somebody who was not proven', async () => {
      const rp = await discover(running.issuer)
      const base = Number(process.env.SEED ?? 20261121)
      let ends = 0
      for (let walk = 0; walk < WALKS; walk += 1) {
        const random = randomFrom(base + walk)
        const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
        const trail: string[] = []
        const browsers = [new UserAgent(), new UserAgent()]
        for (const browser of browsers) browser.stopAt = (url) => url.startsWith('http://localhost:9/')
        const gave = browsers.map(() => false)
        const flows: { page: Page; owner: number; started: Started }[] = []
        const start = async (owner: number) => {
          const extra = pick([
            {},
            { prompt: 'login' },
            { prompt: 'select_account' },
            { prompt: 'consent' },
            { max_age: '0' },
            { prompt: 'select_account login', login_hint: 'victim@example.org' },
          ] as Record<string, string>[])
          const started = await begin(rp, extra)
          const page = await (browsers[owner] as UserAgent).get(started.url.href)
          flows.push({ page, owner, started })
          await arrived(flows.length - 1, page)
        }
        const arrived = async (index: number, page: Page) => {
          const flow = flows[index]
          if (!flow) return
          if (!page.url.startsWith(CALLBACK)) {
            if (page.status === 200 && page.url.includes('/interaction/')) flow.page = page
            return
          }
          if (!page.url.includes('code=')) return
          const state = new URL(page.url).searchParams.get('state')
          const whose = flows.find(({ started }) => started.checks.expectedState === state)
          if (!whose) return
          ends += 1
          const tokens = await exchange(rp, page.url, whose.started)
          const sub = tokens.claims()?.sub
          const told = `seed ${base + walk}\n${trail.join('\n')}`
          expect(sub, told).to.not.equal(victim)
          expect(sub, told).to.equal(mallory)
          expect(gave[whose.owner], told).to.equal(true)
        }
        await start(0)
        await start(1)
        for (let step = 0; step < STEPS; step += 1) {
          if (random() < 0.15) {
            await start(pick([0, 1]))
            continue
          }
          const index = Math.floor(random() * flows.length)
          const flow = flows[index]
          if (!flow) continue
          const uid = /\/interaction\/([\w-]+)/.exec(flow.page.url)?.[1]
          if (!uid) continue
          const crossed = random() < 0.1
          const owner = crossed ? 1 - flow.owner : flow.owner
          const agent = browsers[owner] as UserAgent
          const name = pick(STEP_NAMES)
          const csrfFrom = random() < 0.85 ? flow : (pick(flows) ?? flow)
          const csrf =
            csrfFrom.page.forms.flatMap(({ fields }) => fields).find(([field]) => field === '_csrf')?.[1] ??
            ''
          const password = pick([PASSWORD, PASSWORD, 'wrong wrong wrong wrong', ''])
          const identifier = pick([
            'victim@example.org',
            'victim',
            'mallory@example.org',
            'mallory@example.org',
            'VICTIM@example.org',
          ])
          const fields: Record<string, string | string[]> = {
            _csrf: csrf,
            identifier,
            password,
            email: pick(['victim@example.org', `new-${walk}-${step}@example.org`]),
            username: '',
            name: '',
            code: pick(['000000', '123456', '']),
            account: pick([victim, mallory, '']),
            scope: pick([['openid'], ['openid', 'email'], []]),
            remember: pick(['yes', '']),
          }
          trail.push(
            `${owner}${crossed ? '!' : ''} ${name} ${identifier} ${password === PASSWORD} ${fields.account}`,
          )
          if (name === 'sign-in' && identifier === 'mallory@example.org' && password === PASSWORD)
            gave[owner] = true
          const url = `${running.issuer}/interaction/${uid}/${name}`
          const page = random() < 0.1 ? await agent.get(url) : await agent.post(url, fields)
          await arrived(index, page)
          if (random() < 0.3) await arrived(index, await agent.get(`${running.issuer}/interaction/${uid}`))
        }
      }
      expect(ends, 'walks that ended at the app').to.be.above(0)
    })
  })
}
