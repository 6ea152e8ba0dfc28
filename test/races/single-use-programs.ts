/**
 * Things used once that came with apps and programs: what a person approves elsewhere (CIBA), steps of a sign-in
 * without a browser, initial access tokens that are limited, and the key of a request that is repeated.
 */
import { ISSUER } from '../support/ledger-nodes.ts'
import { CALLBACK, PASSWORD } from '../support/relying-party.ts'
import { all, exactly, type Kind, linkIn, oneOf, only } from './single-use-judges.ts'
import { basicOf, codeIn, fieldsOf, newName, type World } from './single-use-world.ts'

const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
const TILL = { authorization: basicOf('till') }
const PHONE = { authorization: basicOf('phone') }

/** Asked of somebody new (one person is asked only so often), with the page of it in their browser. */
async function asked(world: World) {
  const email = `${newName('asked')}@example.org`
  await world.register(email)
  const form = { scope: 'openid', login_hint: email }
  const { json } = await world.send(0, 'POST', '/backchannel', { form, headers: TILL })
  const browser = world.browser()
  const path = linkIn(await world.mail(email, '/approve/'), 'approve')
  const page = await browser.get(ISSUER + path)
  const fields = { ...fieldsOf(page, '/approve/'), password: PASSWORD }
  return { email, id: String(json.auth_req_id), browser, page, path, fields }
}

const pushed = async (world: World) => {
  const query = new URLSearchParams(world.authorization({ client_id: 'phone' }).slice('/auth?'.length))
  const { json } = await world.send(0, 'POST', '/par', { form: Object.fromEntries(query), headers: PHONE })
  return String(json.request_uri)
}

export const PROGRAM_KINDS: Record<string, Kind> = {
  'answer to what an app asks elsewhere': {
    async make(world) {
      const { email, id, browser, path, fields } = await asked(world)
      const cookie = browser.cookieHeader(ISSUER + path)
      return {
        // half of them say yes, half no
        use: (index) =>
          world.send(index, 'POST', path, {
            form: { ...fields, answer: index % 4 < 2 ? 'approve' : 'deny' },
            headers: { cookie },
          }),
        judge: async (answers) => {
          const decided =
            (await world.audited('consent.denied', email)) +
            (await world.count(
              `select count(*) from audit_events a join users u on u.id = a.user_id
               where u.email = $1 and a.name = 'user.signed_in' and a.detail ->> 'by' = 'approval'`,
              email,
            ))
          const { json } = await world.token(1, { grant_type: CIBA_GRANT, auth_req_id: id }, TILL)
          const told = json.id_token !== undefined || json.error === 'access_denied'
          return (
            oneOf(answers, 200, [410, 503]) || exactly(1, decided) || (told ? '' : `the app: ${json.error}`)
          )
        },
      }
    },
  },
  auth_req_id: {
    async make(world) {
      const { id, browser, page } = await asked(world)
      const done = await browser.submit(page, { answer: 'approve', password: PASSWORD }, '/approve/')
      if (!done.text.includes('view-approve-done')) throw new Error(`not approved: ${done.status}`)
      return {
        use: (index) => world.token(index, { grant_type: CIBA_GRANT, auth_req_id: id }, TILL),
        judge: (answers) => oneOf(answers, 200, [400]),
      }
    },
  },
  'pushed request of a sign-in without a browser': {
    async make(world) {
      const email = `${newName('app')}@example.org`
      await world.register(email)
      const form = { request_uri: await pushed(world), username: email, password: PASSWORD }
      const before = await world.audited('user.signed_in', email)
      return {
        use: (index) => world.send(index, 'POST', '/authorize-challenge', { form, headers: PHONE }),
        // 503 and 429: hashing and one network are bounded, and a refusal there uses nothing
        judge: async (answers) =>
          oneOf(answers, 200, [400, 429, 503]) ||
          exactly(1, (await world.audited('user.signed_in', email)) - before),
      }
    },
  },
  'last step of a sign-in without a browser (auth_session)': {
    async make(world) {
      const email = `${newName('half')}@example.org`
      await world.register(email)
      await world.database.query('update users set email_verified = false where email = $1', [email])
      const begun = await world.send(0, 'POST', '/authorize-challenge', {
        form: { request_uri: await pushed(world), username: email, password: PASSWORD },
        headers: PHONE,
      })
      const auth_session = begun.json.auth_session
      if (!auth_session) throw new Error(`no step is left: ${begun.text}`)
      const form = { auth_session, verification_code: codeIn(await world.mail(email, ' ', 1)) }
      const before = await world.audited('user.signed_in', email)
      return {
        use: (index) => world.send(index, 'POST', '/authorize-challenge', { form, headers: PHONE }),
        judge: async (answers) =>
          only(answers, ({ json }) => json.authorization_code !== undefined, [200, 400]) ||
          exactly(1, (await world.audited('user.signed_in', email)) - before),
      }
    },
  },
  'initial access token for one registration': {
    async make(world) {
      const token = world.initialAccessToken()
      const name = newName('client')
      return {
        use: (index) =>
          world.send(index, 'POST', '/reg', {
            json: { redirect_uris: [CALLBACK], client_name: name },
            headers: { authorization: `Bearer ${token}` },
          }),
        judge: async (answers) =>
          oneOf(answers, 201, [401, 403]) ||
          exactly(
            1,
            await world.count("select count(*) from clients where metadata ->> 'client_name' = $1", name),
          ),
      }
    },
  },
  'key of a repeated request (Idempotency-Key)': {
    async make(world) {
      const token = await world.adminToken()
      const email = `${newName('created')}@example.org`
      const headers = { authorization: `Bearer ${token}`, 'idempotency-key': newName('key') }
      return {
        use: (index) => world.send(index, 'POST', '/api/v1/admin/users', { json: { email }, headers }),
        // Who comes while the first is at work is told so; later ones get its answer.
        judge: async (answers) =>
          all(answers, [201, 409]) ||
          exactly(1, new Set(answers.flatMap(({ json }) => json.id ?? [])).size) ||
          exactly(1, await world.count('select count(*) from users where email = $1', email)),
      }
    },
  },
}
