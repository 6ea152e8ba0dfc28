/**
 * Everything that may be used once, each with a way to make one, a way to use it, and a judge of what came of twenty
 * uses at once. To come with their features: invitation, TOTP step, recovery code, passkey challenge, sign-in link,
 * change of the address. What people approve, apps and programs bring: `single-use-programs.ts`.
 */
import { ISSUER } from '../support/ledger-nodes.ts'
import { CALLBACK, PASSWORD } from '../support/relying-party.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { all, exactly, type Kind, linkIn, oneOf, only, tally } from './single-use-judges.ts'
import { PROGRAM_KINDS } from './single-use-programs.ts'
import {
  type Answer,
  BASIC,
  codeIn,
  fieldsOf,
  INITIAL_ACCESS_TOKEN,
  newName,
  VERIFIER,
  type World,
} from './single-use-world.ts'

export const PARALLEL = 20

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** who approves devices in this stretch of rounds */
let approver: UserAgent

export const KINDS: Record<string, Kind> = {
  'authorization code': {
    async make(world, jane) {
      const nonce = newName('nonce')
      const code = await world.code(jane, { nonce })
      return {
        use: (index) => exchange(world, index, code),
        judge: async (answers) =>
          oneOf(answers, 200, [400]) || oneFamily(await families(world, nonce), answers),
      }
    },
  },
  'refresh token': {
    async make(world, jane) {
      const nonce = newName('nonce')
      const { json } = await exchange(world, 0, await world.code(jane, { nonce }))
      const refresh = (index: number, token: string) =>
        world.token(index, { grant_type: 'refresh_token', client_id: 'spa', refresh_token: token })
      return {
        use: (index) => refresh(index, json.refresh_token),
        // Inside the window everybody gets the one successor, and it works.
        judge: async (answers) => {
          const successors = new Set(answers.map((answer) => answer.json.refresh_token))
          if (successors.size !== 1) return `${successors.size} different answers`
          const wrong = all(answers, [200]) || oneFamily(await families(world, nonce), answers)
          if (wrong) return wrong
          const next = await refresh(1, String([...successors][0]))
          return next.status === 200 ? '' : `the successor was refused: ${next.text}`
        },
      }
    },
  },
  'device code': {
    async make(world, jane, round) {
      // The page for codes counts attempts from one address, so others come in between.
      if (round % 20 === 0)
        approver = round === 0 ? jane : await world.register(`${newName('tv')}@example.org`)
      const started = await world.send(0, 'POST', '/device/auth', {
        form: { client_id: 'tv', scope: 'openid email' },
      })
      const { device_code, user_code } = started.json
      const page = await approver.submit(await approver.get(`${ISSUER}/device`), { user_code })
      const next = await approver.submit(page)
      const done = next.forms.some(({ action }) => action.endsWith('/consent'))
        ? await approver.submit(next, {}, '/consent')
        : next
      if (!done.text.includes('view-device-done')) throw new Error(`not approved: ${done.status} ${done.url}`)
      return {
        use: (index) => world.token(index, { grant_type: DEVICE_GRANT, client_id: 'tv', device_code }),
        judge: (answers) => oneOf(answers, 200, [400]),
      }
    },
  },
  'pushed authorization request': {
    async make(world, jane) {
      const query = new URLSearchParams(world.authorization({ prompt: 'none' }).slice('/auth?'.length))
      const pushed = await world.send(0, 'POST', '/par', { form: Object.fromEntries(query) })
      const { request_uri } = pushed.json
      const cookie = jane.cookieHeader(`${ISSUER}/auth`)
      const path = `/auth?${new URLSearchParams({ client_id: 'spa', request_uri })}`
      return {
        use: (index) => world.send(index, 'GET', path, { headers: { cookie } }),
        judge: (answers) => only(answers, ({ location }) => location.includes('code='), [303, 400]),
      }
    },
  },
  'link that proves an address': {
    async make(world) {
      const email = `${newName('link')}@example.org`
      const { browser, mail } = await world.beginRegistration(email)
      const path = linkIn(mail, 'verify-email')
      const page = await browser.get(ISSUER + path)
      const fields = { ...fieldsOf(page, '/verify-email/'), password: PASSWORD }
      const cookie = browser.cookieHeader(page.url)
      return {
        use: (index) => world.send(index, 'POST', path, { form: fields, headers: { cookie } }),
        judge: async (answers) => all(answers, [200, 303, 410, 503]) || (await oneAccount(world, email)),
      }
    },
  },
  'code that proves an address': {
    async make(world) {
      const email = `${newName('code')}@example.org`
      const { browser, verify, mail } = await world.beginRegistration(email)
      const { path, fields, cookie } = verification(browser, verify)
      return {
        use: (index) =>
          world.send(index, 'POST', path, { form: { ...fields, code: codeIn(mail) }, headers: { cookie } }),
        judge: async (answers) => all(answers, [303, 400, 422]) || (await oneAccount(world, email)),
      }
    },
  },
  'the same address registered at once in five browsers': {
    async make(world) {
      const email = `${newName('same')}@example.org`
      const flows: { path: string; fields: Record<string, string>; cookie: string }[] = []
      for (let index = 0; index < 5; index += 1) {
        const { browser, verify, mail } = await world.beginRegistration(email, index)
        const { path, fields, cookie } = verification(browser, verify)
        flows.push({ path, fields: { ...fields, code: codeIn(mail) }, cookie })
      }
      return {
        use: (index) => {
          const { path, fields, cookie } = flows[index % flows.length] as (typeof flows)[0]
          return world.send(index, 'POST', path, { form: fields, headers: { cookie } })
        },
        judge: async (answers) => all(answers, [303, 400, 422]) || (await oneAccount(world, email)),
      }
    },
  },
  'the same username chosen at once in twenty browsers': {
    async make(world) {
      const username = newName('name')
      const flows = await Promise.all(
        Array.from({ length: PARALLEL }, async () => {
          const browser = world.browser()
          const signIn = await browser.get(ISSUER + world.authorization())
          const page = await browser.get(`${signIn.url}/register`)
          const email = `${newName('named')}@example.org`
          const fields = { ...fieldsOf(page, '/register'), email, username, password: PASSWORD }
          const cookie = browser.cookieHeader(page.url)
          return { path: new URL(page.url).pathname, fields, cookie, address: world.newAddress() }
        }),
      )
      return {
        use: (index) => {
          const { path, fields, cookie, address } = flows[index] as (typeof flows)[0]
          const headers = { cookie, 'x-forwarded-for': address }
          return world.send(index, 'POST', path, { form: fields, headers })
        },
        // 503 with a wait: hashing is bounded, and a refusal there chooses nothing
        judge: async (answers) =>
          oneOf(answers, 303, [422, 503]) ||
          exactly(1, await world.count('select count(*) from usernames where username_key = $1', username)),
      }
    },
  },
  'password reset link': {
    async make(world, _jane, round) {
      const email = `reset-${Math.floor(round / 4)}@example.org`
      if (round % 4 === 0) await world.register(email)
      const browser = world.browser()
      const forgot = await browser.get(`${ISSUER}/forgot-password`)
      await browser.submit(forgot, { email })
      const path = linkIn(await world.mail(email, '/reset-password/', round % 4), 'reset-password')
      const page = await browser.get(ISSUER + path)
      const fields = fieldsOf(page, '/reset-password/')
      const cookie = browser.cookieHeader(page.url)
      const before = await world.audited('user.password_changed', email)
      return {
        use: (index) =>
          world.send(index, 'POST', path, {
            form: { ...fields, password: `${PASSWORD} ${round} ${index}` },
            headers: { cookie },
          }),
        judge: async (answers) =>
          oneOf(answers, 200, [410, 503]) ||
          exactly(1, (await world.audited('user.password_changed', email)) - before),
      }
    },
  },
  'setup link': {
    async make(world) {
      const path = await world.setupLink()
      const browser = world.browser()
      const page = await browser.get(ISSUER + path)
      const fields = fieldsOf(page, '/setup/')
      const cookie = browser.cookieHeader(page.url)
      const before = await world.audited('setup.completed')
      return {
        use: (index) =>
          world.send(index, 'POST', path, {
            form: { ...fields, email: `${newName('owner')}@example.org`, password: PASSWORD },
            headers: { cookie },
          }),
        judge: async (answers) =>
          oneOf(answers, 200, [404, 503]) ||
          exactly(1, (await world.audited('setup.completed')) - before) ||
          exactly(1, await world.count("select count(*) from user_roles where role = 'owner'")),
      }
    },
  },
  'client assertion': {
    async make(world) {
      const client_assertion = await world.assertion()
      const fields = { client_assertion_type: ASSERTION, client_assertion, grant_type: 'client_credentials' }
      return {
        use: (index) => world.token(index, fields),
        judge: (answers) => oneOf(answers, 200, [401]),
      }
    },
  },
  'DPoP proof at the token endpoint': {
    async make(world) {
      const dpop = await world.proof('POST', '/token')
      return {
        use: (index) =>
          world.token(index, { grant_type: 'client_credentials' }, { authorization: BASIC, dpop }),
        judge: (answers) => oneOf(answers, 200, [400]),
      }
    },
  },
  'DPoP proof at userinfo': {
    async make(world, jane) {
      const code = await world.code(jane)
      const { json } = await exchange(world, 0, code, { dpop: await world.proof('POST', '/token') })
      const dpop = await world.proof('GET', '/userinfo', json.access_token)
      const headers = { authorization: `DPoP ${json.access_token}`, dpop }
      return {
        use: (index) => world.send(index, 'GET', '/userinfo', { headers }),
        judge: (answers) => oneOf(answers, 200, [400, 401]),
      }
    },
  },
  'consent of an interaction': {
    async make(world, jane) {
      const nonce = newName('nonce')
      const page = await jane.get(ISSUER + world.authorization({ prompt: 'consent', nonce }))
      const fields = fieldsOf(page, '/consent')
      const path = `${new URL(page.url).pathname}/consent`
      const cookie = jane.cookieHeader(ISSUER + path)
      const grants = () => world.count("select count(*) from oidc_grants where client_id = 'spa'")
      const before = await grants()
      return {
        use: async (index) => {
          const answer = await world.send(index, 'POST', path, { form: fields, headers: { cookie } })
          if (answer.status !== 303) return answer
          const resume = new URL(answer.location, ISSUER).pathname
          const headers = { cookie: `${cookie}; ${jane.cookieHeader(ISSUER + resume)}` }
          return world.send(index, 'GET', resume, { headers })
        },
        // One consent has one effect: one grant. How often the browser is then sent back to the app with a code is not
        // one: whoever has its cookies gets as many codes as they ask for, and each is redeemed once (above).
        judge: async (answers) => {
          const codes = answers.flatMap(({ location }) => /code=([^&]+)/.exec(location)?.[1] ?? [])
          const under = await world.count(
            "select count(distinct grant_id) from oidc_authorization_codes where payload ->> 'nonce' = $1",
            nonce,
          )
          if (codes.length === 0) return 'nobody was sent back'
          return all(answers, [303, 400]) || exactly(1, under) || exactly(0, (await grants()) - before)
        },
      }
    },
  },
  'the one grant an app has of a session, in twenty tabs': {
    async make(world, jane) {
      await world.database.query("delete from oidc_grants where client_id = 'spa'")
      const path = world.authorization({ prompt: 'none' })
      const headers = { cookie: jane.cookieHeader(ISSUER + path) }
      return {
        use: async (index) => {
          let answer = await world.send(index, 'GET', path, { headers })
          while (answer.location === path) answer = await world.send(index, 'GET', path, { headers })
          return exchange(world, index, /code=([^&]+)/.exec(answer.location)?.[1] ?? '')
        },
        judge: async (answers) =>
          all(answers, [200]) ||
          exactly(1, await world.count("select count(*) from oidc_grants where client_id = 'spa'")),
      }
    },
  },
  'registration access token': {
    async make(world) {
      const headers = { authorization: `Bearer ${INITIAL_ACCESS_TOKEN}` }
      const metadata = { redirect_uris: [CALLBACK], client_name: 'Racing' }
      const { json } = await world.send(0, 'POST', '/reg', { json: metadata, headers })
      const path = new URL(json.registration_client_uri).pathname
      const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
      const change = { ...metadata, client_id: json.client_id, client_secret: json.client_secret }
      return {
        use: (index) =>
          world.send(index, 'PUT', path, {
            json: { ...change, client_name: `Racing ${index}` },
            headers: bearer(json.registration_access_token),
          }),
        judge: async (answers) => {
          const tokens = answers.flatMap((answer) => answer.json.registration_access_token ?? [])
          const reads = await Promise.all(
            tokens.map((token, index) => world.send(index, 'GET', path, { headers: bearer(token) })),
          )
          const good = reads.filter(({ status }) => status === 200).length
          return oneOf(answers, 200, [401, 400]) || exactly(1, good)
        },
      }
    },
  },
  ...PROGRAM_KINDS,
}

export function exchange(world: World, index: number, code: string, headers: Record<string, string> = {}) {
  const form = { grant_type: 'authorization_code', client_id: 'spa', code, redirect_uri: CALLBACK }
  return world.token(index, { ...form, code_verifier: VERIFIER }, headers)
}

function verification(browser: UserAgent, verify: Parameters<typeof fieldsOf>[0]) {
  const path = `${new URL(verify.url).pathname}/verify-email`
  return { path, fields: fieldsOf(verify, '/verify-email'), cookie: browser.cookieHeader(ISSUER + path) }
}

/** The rows of a family of refresh tokens: [made from the code, good now]. */
export async function families(world: World, nonce: string): Promise<[first: number, live: number]> {
  const rows = `from oidc_refresh_tokens where payload ->> 'nonce' = $1`
  return [
    await world.count(`select count(*) ${rows} and coalesce((payload ->> 'rotations')::int, 0) = 0`, nonce),
    await world.count(`select count(*) ${rows} and consumed_at is null and expires_at > now()`, nonce),
  ]
}

/** None is right too: a code that came again may end what it brought. */
function oneFamily([first, live]: [number, number], answers: Answer[]): string {
  if (first <= 1 && live <= 1) return ''
  return `${first} families, ${live} good refresh tokens, after ${tally(answers)}`
}

async function oneAccount(world: World, email: string): Promise<string> {
  const accounts = await world.count('select count(*) from users where email = $1', email)
  return exactly(1, accounts) || exactly(1, await world.audited('user.registered', email))
}
