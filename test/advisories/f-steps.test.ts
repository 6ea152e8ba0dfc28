/**
 * Advisory group F (steps that can be left out, sessions that are pushed on somebody): random walks over the sign-in
 * without a browser and over the page where people approve what an app asks. Whatever the order, with values of
 * another app, another person or another browser: a code or an approval is there only with every proof.
 * The pages of the sign-in: `test/attacks/step-machine.test.ts`. A walk that failed is run again by its `SEED`.
 * CVE-2026-18963, CVE-2026-7507, CVE-2026-49443, CVE-2026-54730, CVE-2025-64103, CVE-2024-28197, CVE-2024-45042,
 * CVE-2026-9091, GHSA-xg6x-h9c9-2m83, GHSA-hp74-gm6m-2qm5
 */
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { FirstPartyApp } from '../support/first-party-app.ts'
import { createPerson } from '../support/people.ts'
import { newAgent, onEveryStack, post, type SendOptions } from '../support/protocol.ts'
import { randomFrom } from '../support/random-from.ts'
import { CALLBACK, PASSWORD, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'
import type { Page } from '../support/user-agent.ts'

const WALKS = Number(process.env.WALKS ?? 20)
const STEPS = 14
const SEED = Number(process.env.SEED ?? 20261121)
const CIBA = 'urn:openid:params:grant-type:ciba'
const SECRET = 'only the victim knows this'
const many = 1_000_000
const marked = {
  application_type: 'native',
  redirect_uris: [CALLBACK],
  first_party: true,
  first_party_challenge: true,
}
const clients = [
  publicClient({ client_id: 'phone', ...marked }),
  publicClient({ client_id: 'tablet', ...marked }),
  webClient({
    grant_types: ['authorization_code', 'refresh_token', CIBA],
    backchannel_token_delivery_mode: 'poll',
  }),
]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const limits = {
  ...{ signInStranger: many, signInMonth: many, signInNetwork: many, mailAddress: many, mailNetwork: many },
  ...{ approvalPerson: many, approvalClient: many },
}

onEveryStack('advisories F: steps', { overrides: { clients, limits } }, (app) => {
  let people = 0
  async function person(password: string, verified = true) {
    people += 1
    const email = `walker-${people}@example.org`
    return { email, id: (await createPerson(app, { email, password, verified })).id }
  }
  const chanceOf = (seed: number) => {
    const random = randomFrom(seed)
    return { random, pick: <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T }
  }

  it('of a sign-in without a browser: a code only with the password, and the code of the mail where it is asked', async () => {
    const victim = await person(SECRET)
    const mallory = await person(PASSWORD)
    let ends = 0
    for (let walk = 0; walk < WALKS; walk += 1) {
      const { random, pick } = chanceOf(SEED + walk)
      const half = await person(PASSWORD, false)
      const proven = new Set([mallory.email])
      let mailed: string | undefined
      const trail: string[] = []
      const requests: { app: FirstPartyApp; uri: string }[] = []
      const sessions: { app: FirstPartyApp; value: string; email: string }[] = []
      for (let step = 0; step < STEPS; step += 1) {
        const told = () => `seed ${SEED + walk}\n${trail.join('\n')}`
        if (requests.length === 0 || random() < 0.2) {
          const own = new FirstPartyApp(app.issuer, pick(['phone', 'tablet']))
          requests.push({ app: own, uri: await own.push() })
        }
        const request = pick(requests)
        const session = sessions.length > 0 && random() < 0.6 ? pick(sessions) : undefined
        const username = pick([victim, mallory, half]).email
        const password = pick([PASSWORD, PASSWORD, 'wrong wrong wrong wrong', ''])
        // The mail is not read at first; later it is.
        if (session && step > STEPS / 2 && mailed === undefined && session.email === half.email) {
          const { text } = await app.nextMail(half.email)
          mailed = /^\s*(\d{3}) (\d{3})\s*$/m.exec(text)?.slice(1).join('')
        }
        const code = pick(['000000', '', mailed ?? '111111', mailed ?? '222222'])
        const fields: Record<string, string> = pick([
          session
            ? { auth_session: session.value, verification_code: code }
            : { request_uri: request.uri, username, password },
          session ? { auth_session: session.value } : { request_uri: request.uri, username, password },
          session ? { auth_session: session.value, username, password } : { request_uri: request.uri },
          session ? { auth_session: session.value, resend: 'true' } : { username, password },
          { request_uri: request.uri, username, password, verification_code: code },
          {
            ...(session ? { auth_session: session.value } : {}),
            request_uri: request.uri,
            username,
            password,
          },
          { request_uri: `${request.uri}x`, username, password },
          {},
        ])
        const owner = 'auth_session' in fields && session ? session.app : request.app
        const other = random() < 0.15 ? (owner.id === 'phone' ? 'tablet' : 'phone') : owner.id
        const { status, json } = await new FirstPartyApp(app.issuer, other).challenge(fields)
        trail.push(
          `${other}${other === owner.id ? '' : '!'} ${JSON.stringify(fields)} ${status} ${json?.error ?? ''}`,
        )
        expect(status, told()).to.be.below(500)
        const asked = 'auth_session' in fields ? session?.email : fields.username
        if (json.auth_session) sessions.push({ app: owner, value: json.auth_session, email: String(asked) })
        if (!json.authorization_code) continue
        ends += 1
        expect(other, told()).to.equal(owner.id)
        const tokens = await owner.exchange(json.authorization_code)
        expect(tokens.status, `${tokens.text}\n${told()}`).to.equal(200)
        const { sub } = decodeJwt(tokens.json.id_token)
        expect(sub, told()).to.equal(asked === half.email ? half.id : mallory.id)
        // A session is there only for who gave the password; else it was given with this request.
        if (!('auth_session' in fields)) expect(fields.password, told()).to.equal(PASSWORD)
        if (mailed !== undefined && fields.verification_code === mailed && asked === half.email)
          proven.add(half.email)
        expect([...proven], told()).to.include(asked)
      }
    }
    expect(ends, 'walks that ended with a code').to.be.above(WALKS / 4)
  }).timeout(180_000)

  it('of an approval: an answer only of who was asked, in the browser that was shown the question', async () => {
    const victim = await person(SECRET)
    const mallory = await person(PASSWORD)
    const seen = new Map<string, number>()
    const outcomes: Record<string, number> = {}
    for (let walk = 0; walk < WALKS; walk += 1) {
      const { random, pick } = chanceOf(SEED + walk)
      const trail: string[] = []
      const told = () => `seed ${SEED + walk}\n${trail.join('\n')}`
      const ask = async (whose: { email: string; id: string }, password: string) => {
        const form = { scope: 'openid', login_hint: whose.email }
        const { json } = await post(`${app.issuer}/backchannel`, form, WEB)
        const before = seen.get(whose.email) ?? 0
        seen.set(whose.email, before + 1)
        const { text } = await app.nextMail(whose.email, before)
        const link = /https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? ''
        return { ...whose, password, link, id: String(json.auth_req_id), sub: whose.id, answered: '' }
      }
      // Whoever has the mail has the link; that is not the password.
      const asked = [await ask(victim, SECRET), await ask(mallory, PASSWORD)] as const
      const browsers = [newAgent(), newAgent()] as const
      const pages: { page: Page; browser: number }[] = []
      for (let step = 0; step < STEPS; step += 1) {
        const about = pick(asked)
        const index = pick([0, 1])
        const browser = browsers[index] as (typeof browsers)[0]
        if (pages.length === 0 || random() < 0.3) {
          const page = await browser.get(about.link)
          if (page.status === 200) pages.push({ page, browser: index })
          trail.push(`${index} opens ${about.email}: ${page.status}`)
          continue
        }
        const shown = pick(pages)
        const csrf =
          shown.page.forms.flatMap(({ fields }) => fields).find(([name]) => name === '_csrf')?.[1] ?? ''
        // The victim answers too, now and then.
        const password = pick([
          'wrong wrong wrong',
          PASSWORD,
          PASSWORD,
          '',
          random() < 0.3 ? SECRET : PASSWORD,
        ])
        const answer = pick<string | string[]>([
          'approve',
          'approve',
          'approve',
          'deny',
          '',
          'APPROVE',
          ['deny', 'approve'],
        ])
        const form: Record<string, string | string[]> = pick([
          { _csrf: csrf, answer, password },
          { _csrf: csrf, answer, password },
          { _csrf: csrf, answer, password },
          { _csrf: csrf, answer, password, email: mallory.email, accountId: mallory.id, state: 'form' },
          { answer, password },
          { _csrf: '', answer, password },
          { _csrf: csrf },
          {},
        ])
        const [id, mac] = [about.link.slice(0, about.link.lastIndexOf('.')), asked[0].link.split('.').at(-1)]
        const crossed = random() < 0.1
        const page = await browser.post(crossed ? `${id}.${mac}` : about.link, form)
        trail.push(
          `${index}/${shown.browser} ${about.email}${crossed ? '!' : ''} ${JSON.stringify(form)}: ${page.status}`,
        )
        expect(page.status, told()).to.be.below(500)
        if (!page.text.includes('view-approve-done')) continue
        expect(about.answered, `answered once\n${told()}`).to.equal('')
        expect(form._csrf, told()).to.be.a('string').and.not.equal('')
        expect(shown.browser, `the token of another browser\n${told()}`).to.equal(index)
        expect(form.answer, told()).to.be.oneOf(['approve', 'deny'])
        if (form.answer === 'deny') about.answered = 'no'
        else {
          expect(form.password, told()).to.equal(about.password)
          about.answered = 'yes'
        }
      }
      for (const about of asked) {
        const { json } = await post(`${app.issuer}/token`, { grant_type: CIBA, auth_req_id: about.id }, WEB)
        const is = json.id_token ? 'yes' : json.error === 'access_denied' ? 'no' : ''
        expect(is, `${about.email}: ${json.error}\n${told()}`).to.equal(about.answered)
        if (json.id_token) expect(decodeJwt(json.id_token).sub, told()).to.equal(about.sub)
        const kind = `${about.email === victim.email ? 'victim' : 'mallory'} ${is}`
        outcomes[kind] = (outcomes[kind] ?? 0) + 1
      }
    }
    // Else the walks prove nothing: all that may happen does.
    expect(outcomes).to.include.keys('victim ', 'mallory yes', 'mallory no')
  }).timeout(180_000)
})
