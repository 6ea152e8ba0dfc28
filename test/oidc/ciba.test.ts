/** OpenID Connect CIBA Core 1.0, poll mode: an app asks, a person answers by mail and on a page of ours. */
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { createPerson } from '../support/people.ts'
import {
  type Answer,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  type SendOptions,
  signIn,
} from '../support/protocol.ts'
import { discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const poll = { backchannel_token_delivery_mode: 'poll' }
const asking = (id: string, more = {}) =>
  webClient({
    client_id: id,
    client_name: 'Kitchen TV',
    grant_types: ['authorization_code', 'refresh_token', CIBA],
    ...poll,
    ...more,
  })
const clients = [asking('web'), asking('till'), webClient({ client_id: 'browser-only' })]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const TILL: SendOptions = { basic: ['till', RP_SECRET] }
const errorOf = ({ status, json }: Answer) => [status, json?.error]
let ahead = 0
const clock = { now: () => new Date(Date.now() + ahead * 1000) }
const limits = { approvalPerson: 4, approvalClient: 1000, signInStranger: 1000, signInNetwork: 1000 }

onEveryStack(
  'backchannel authentication',
  {
    overrides: { clients, clock, limits },
    people: [
      { ...JANE, username: 'jane' },
      { email: 'unproven@example.org', verified: false },
    ],
  },
  (app) => {
    afterEach(() => {
      ahead = 0
    })
    let people = 0
    async function person() {
      people += 1
      const email = `asked-${people}@example.org`
      return { email, user: await createPerson(app, { email, username: `asked.${people}` }) }
    }
    const ask = (fields: Record<string, string>, options = WEB) =>
      post(`${app.issuer}/backchannel`, { scope: 'openid email', ...fields }, options)
    const pollFor = (auth_req_id: string, options = WEB) =>
      post(`${app.issuer}/token`, { grant_type: CIBA, auth_req_id }, options)
    async function linkFor(email: string, seen = 0): Promise<string> {
      const { text } = await app.nextMail(email, seen)
      return /https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? 'no link'
    }
    /** asked, and the page of it open in a browser */
    async function open(fields: Record<string, string> = {}) {
      const { email, user } = await person()
      const { json } = await ask({ login_hint: email, ...fields })
      const agent = newAgent()
      const link = await linkFor(email)
      return { email, user, id: String(json.auth_req_id), agent, link, page: await agent.get(link) }
    }
    const say = (agent: UserAgent, page: Page, answer: string, password = PASSWORD) =>
      agent.submit(page, { answer, password }, '/approve/')

    it('is offered in the discovery document, without user codes (4)', async () => {
      const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
      expect(json.backchannel_authentication_endpoint).to.equal(`${app.issuer}/backchannel`)
      expect(json.backchannel_token_delivery_modes_supported).to.deep.equal(['poll', 'ping'])
      expect(json.backchannel_user_code_parameter_supported).to.equal(false)
    })

    it('leads an app of openid-client to its tokens, once the person has approved', async () => {
      const rp = await discover(app.issuer)
      const { email } = await person()
      const asked = await client.initiateBackchannelAuthentication(rp, {
        scope: 'openid email',
        login_hint: email,
        binding_message: 'W4-SCT',
      })
      expect(asked.expires_in).to.equal(300)
      const waiting = client.pollBackchannelAuthenticationGrant(rp, asked)
      const agent = newAgent()
      const page = await agent.get(await linkFor(email))
      expect(page.text).to.include('Kitchen TV').and.to.include('W4-SCT').and.to.include(email)
      const done = await say(agent, page, 'approve')
      expect(done.status, done.text).to.equal(200)
      expect(done.text).to.include('view-approve-done')
      const tokens = await waiting
      const claims = tokens.claims()
      expect(claims).to.include({ acr: 'urn:ostiary:acr:password' })
      expect(claims?.amr).to.deep.equal(['pwd'])
      expect(claims?.auth_time).to.be.closeTo(Date.now() / 1000, 15)
      expect(tokens.refresh_token).to.be.a('string')
      const info = await client.fetchUserInfo(rp, tokens.access_token, String(claims?.sub))
      expect(info.email).to.equal(email)
    }).timeout(30_000)

    it('finds people by username and by an ID token (7.1)', async () => {
      const { json } = await ask({ login_hint: 'jane' })
      expect(json.auth_req_id).to.be.a('string')
      expect(await linkFor(JANE.email)).to.match(/^http/)
      const { tokens } = await signIn(await discover(app.issuer))
      const hinted = await ask({ id_token_hint: String(tokens.id_token) })
      expect(hinted.status, hinted.text).to.equal(200)
      expect(await linkFor(JANE.email, 1)).to.match(/^http/)
    })

    it('says so when the person denies, which takes no password', async () => {
      const { agent, page, id } = await open()
      const done = await agent.submit(page, { answer: 'deny' }, '/approve/')
      expect(done.text).to.include('view-approve-done')
      expect(errorOf(await pollFor(id))).to.deep.equal([400, 'access_denied'])
    })

    it('remembers what was allowed, and records it', async () => {
      const { agent, page, user } = await open({ scope: 'openid profile' })
      await say(agent, page, 'approve')
      const consent = await app.app.storage.database.consents.find(user.id, 'web')
      expect(consent?.scopes).to.have.members(['openid', 'profile'])
      const rows = await app.sql.query<{ name: string }>(
        `select name from audit_events where user_id = '${user.id}' order by 1`,
      )
      expect(rows.map(({ name }) => name)).to.deep.equal(['consent.granted', 'user.signed_in'])
    })

    it('says how often to ask, and asks to wait longer whoever polls too often (7.3)', async () => {
      const { json } = await ask({ login_hint: (await person()).email })
      expect(json.interval).to.equal(5)
      const id = json.auth_req_id
      expect(errorOf(await pollFor(id))).to.deep.equal([400, 'authorization_pending'])
      expect(errorOf(await pollFor(id))).to.deep.equal([400, 'slow_down'])
      await app.sql.query(
        `update ephemeral set expires_at = expires_at - interval '9.5 seconds' where key like 'poll:%'`,
      )
      expect(errorOf(await pollFor(id)), 'ten seconds later').to.deep.equal([400, 'authorization_pending'])
    })

    it('keeps requested_expiry within bounds (7.1)', async () => {
      const { email } = await person()
      const lifetime = async (requested_expiry: string) =>
        (await ask({ login_hint: email, requested_expiry })).json.expires_in
      expect(await lifetime('1')).to.equal(60)
      expect(await lifetime('120')).to.equal(120)
      expect(await lifetime('99999')).to.equal(900)
    })

    it('of somebody unknown, or whose address is not proven, is answered alike and reaches nobody', async () => {
      const mails = async () => (await app.mails()).length
      const known = await ask({ login_hint: (await person()).email })
      await linkFor(`asked-${people}@example.org`)
      const before = await mails()
      for (const login_hint of ['nobody@example.org', 'no.such.name', 'unproven@example.org']) {
        const answer = await ask({ login_hint })
        expect(answer.status, answer.text).to.equal(known.status)
        expect(Object.keys(answer.json)).to.deep.equal(Object.keys(known.json))
        expect(answer.json.expires_in).to.equal(known.json.expires_in)
        expect(errorOf(await pollFor(answer.json.auth_req_id))).to.deep.equal([400, 'authorization_pending'])
      }
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(await mails()).to.equal(before)
    })

    it('asks one person so often and no more, known or not (15)', async () => {
      const { email } = await person()
      for (const login_hint of [email, 'nobody-else@example.org']) {
        for (let times = 0; times < 4; times += 1) expect((await ask({ login_hint })).status).to.equal(200)
        const more = await ask({ login_hint })
        expect(errorOf(more)).to.deep.equal([429, 'temporarily_unavailable'])
        expect(Number(more.headers.get('retry-after'))).to.be.greaterThan(0)
      }
    })

    it('does not tell that two names are one person by how often they were asked', async () => {
      const { email, user } = await person()
      for (let times = 0; times < 5; times += 1) await ask({ login_hint: email })
      expect((await ask({ login_hint: String(user.username) })).status).to.equal(200)
      const spelled = await ask({ login_hint: email.toUpperCase() })
      expect(spelled.status, 'the same name').to.equal(429)
    })

    describe('is refused', () => {
      const refused: [string, Record<string, string>, string][] = [
        ['without a hint', {}, 'invalid_request'],
        ['with two hints', { login_hint: 'jane', login_hint_token: 'x' }, 'invalid_request'],
        ['with a login_hint_token', { login_hint_token: 'x' }, 'invalid_request'],
        ['with a user code', { login_hint: 'jane', user_code: '1234' }, 'invalid_request'],
        ['with a context', { login_hint: 'jane', request_context: '{}' }, 'invalid_request'],
        ['without openid', { login_hint: 'jane', scope: 'email' }, 'invalid_request'],
        ['with an expiry that is none', { login_hint: 'jane', requested_expiry: '-5' }, 'invalid_request'],
        [
          'with a message that is long',
          { login_hint: 'jane', binding_message: 'x'.repeat(41) },
          'invalid_binding_message',
        ],
        [
          'with a message of other characters',
          { login_hint: 'jane', binding_message: '<b>ring me</b>' },
          'invalid_binding_message',
        ],
      ]
      for (const [how, fields, error] of refused)
        it(how, async () => {
          expect(errorOf(await ask(fields))).to.deep.equal([400, error])
        })

      it('to clients that the operator did not allow (13)', async () => {
        const answer = await ask({ login_hint: 'jane' }, { basic: ['browser-only', RP_SECRET] })
        expect(errorOf(answer)).to.deep.equal([400, 'unauthorized_client'])
        const wrong = await ask({ login_hint: 'jane' }, { basic: ['web', 'not-the-secret'] })
        expect(errorOf(wrong)).to.deep.equal([401, 'invalid_client'])
      })

      it('to clients that allow themselves', async () => {
        const answer = await fetch(`${app.issuer}/reg`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${app.secrets.initialAccessToken}`,
          },
          body: JSON.stringify({ redirect_uris: ['https://x.example/cb'], grant_types: [CIBA], ...poll }),
        })
        expect(answer.status).to.equal(400)
        expect(((await answer.json()) as { error: string }).error).to.equal('invalid_client_metadata')
      })
    })

    describe('an attack', () => {
      it('with the link alone approves nothing', async () => {
        const { agent, page, id } = await open()
        expect((await say(agent, page, 'approve', '')).status).to.equal(422)
        expect((await say(agent, page, 'approve', 'wrong wrong wrong')).status).to.equal(401)
        expect(errorOf(await pollFor(id))).to.deep.equal([400, 'authorization_pending'])
      })

      it('with a link made up, cut short or of another request leads nowhere', async () => {
        const { agent, link } = await open()
        const other = (await open()).link
        const mac = link.slice(link.lastIndexOf('.'))
        for (const made of [link.slice(0, -1), other.slice(0, other.lastIndexOf('.')) + mac, `${link}x`])
          expect((await agent.get(made)).status).to.equal(404)
      })

      it('from another site is refused', async () => {
        const { agent, page, id } = await open()
        const answer = await agent.post(page.url, { answer: 'approve', password: PASSWORD })
        expect(answer.status).to.equal(403)
        expect(errorOf(await pollFor(id))).to.deep.equal([400, 'authorization_pending'])
      })

      it('by another app that learnt the id gets nothing, and costs the first no time', async () => {
        const { id, agent, page } = await open()
        for (let times = 0; times < 3; times += 1)
          expect(errorOf(await pollFor(id, TILL))).to.deep.equal([400, 'invalid_grant'])
        expect(errorOf(await pollFor(id))).to.deep.equal([400, 'authorization_pending'])
        await say(agent, page, 'approve')
        expect(errorOf(await pollFor(id, TILL))).to.deep.equal([400, 'invalid_grant'])
        expect((await pollFor(id)).status).to.equal(200)
      })

      it('by answering from many windows at once counts once', async () => {
        const { agent, page, id } = await open()
        const answers = await Promise.all(
          Array.from({ length: 12 }, (_, number) => say(agent, page, number % 2 ? 'approve' : 'deny')),
        )
        expect(answers.filter(({ text }) => text.includes('view-approve-done'))).to.have.length(1)
        expect(answers.filter(({ status }) => status === 410)).to.have.length(11)
        const again = await agent.get(page.url)
        expect(again.text).to.include('been answered')
        expect(['access_denied', undefined]).to.include((await pollFor(id)).json.error)
      })

      it('on a database that fails half way leaves nothing, and the person answers once more', async () => {
        const { agent, page, id, user } = await open()
        await app.sql.query(`create function refuse_granted() returns trigger language plpgsql as
          $$ begin raise exception 'no room'; end $$`)
        await app.sql.query(`create trigger refuse_granted before insert on audit_events for each row
          when (new.name = 'consent.granted') execute function refuse_granted()`)
        const failed = await say(agent, page, 'approve')
        expect(failed.status).to.be.at.least(500)
        const left = () => app.sql.query('select 1 from consents where user_id = $1', [user.id])
        expect(await left(), 'no consent without its record').to.deep.equal([])
        expect((await pollFor(id)).json.error).to.equal('authorization_pending')
        await app.sql.query('drop trigger refuse_granted on audit_events')
        await app.sql.query('drop function refuse_granted()')
        const done = await say(agent, await agent.get(page.url), 'approve')
        expect(done.status, done.text).to.equal(200)
        expect(await left()).to.have.length(1)
      })

      it('by polling twenty times at once gets one set of tokens', async () => {
        const { agent, page, id } = await open()
        await say(agent, page, 'approve')
        const answers = await Promise.all(Array.from({ length: 20 }, () => pollFor(id)))
        expect(answers.filter(({ status }) => status === 200)).to.have.length(1)
        for (const answer of answers.filter(({ status }) => status !== 200))
          expect(errorOf(answer)).to.deep.equal([400, 'invalid_grant'])
      })

      it('with an answer that comes too late changes nothing', async () => {
        const { agent, page, id } = await open()
        ahead = 301
        const late = await say(agent, page, 'approve')
        expect(late.status).to.equal(410)
        expect(late.text).to.include('has expired')
        expect(errorOf(await pollFor(id))).to.deep.equal([400, 'authorization_pending'])
      })

      it('after the person was disabled, or everything of them ended, gets nothing', async () => {
        const { agent, page, id, user } = await open()
        await say(agent, page, 'approve')
        await app.app.storage.database.access.revokeAccount(user.id)
        expect(errorOf(await pollFor(id))).to.deep.equal([400, 'invalid_grant'])
        const next = await open()
        await app.app.storage.database.users.setStatus(next.user.id, 'disabled')
        expect((await say(next.agent, next.page, 'approve')).status).to.equal(404)
      })

      it('with the database in hand finds neither what the app polls with nor the link', async () => {
        const { id, link } = await open()
        await pollFor(id)
        const rows = (await app.sql.dump()).filter((row) => !row.startsWith('mailbox_messages'))
        const everything = [...rows, ...app.logs.map((line) => JSON.stringify(line))].join('\n')
        expect(everything.includes(id), 'auth_req_id').to.equal(false)
        expect(everything.includes(link.slice(link.lastIndexOf('.') + 1)), 'link').to.equal(false)
      })

      it('by a token of approval is ended as every other: with the account', async () => {
        const { agent, page, id, user } = await open()
        await say(agent, page, 'approve')
        const { json } = await pollFor(id)
        expect(decodeJwt(json.id_token).sub).to.equal(user.id)
        await app.app.storage.database.access.revokeAccount(user.id)
        const refresh = { grant_type: 'refresh_token', refresh_token: json.refresh_token }
        expect(errorOf(await post(`${app.issuer}/token`, refresh, WEB))).to.deep.equal([400, 'invalid_grant'])
      })
    })
  },
)
