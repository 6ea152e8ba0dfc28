/**
 * One effect per single-use thing (invariant I1), over the wire: two processes of Ostiary on one Postgres, 16 clients
 * at once spread over both, as many rounds as fit. Exactly one wins, the others are told so, nobody gets a 500.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import pg from 'pg'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp, productionSettings, type Settings } from '../support/child-app.ts'
import { type FrontProxy, startFrontProxy } from '../support/front-proxy.ts'
import { CALLBACK, PASSWORD, publicClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const SETUP_LINK = fileURLToPath(new URL('../../src/cli/setup-link.ts', import.meta.url))
const ISSUER = 'https://id.example.test'
const ROUNDS = 100
const FEWER = 10
const PARALLEL = 16
const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

interface Answer {
  status: number
  text: string
  location: string | undefined
}

describe('redemption on two processes', function () {
  this.timeout(180_000)
  const undo: (() => unknown)[] = []
  // kept alive, so that all 16 are on their way before the first is answered
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const sink = new SmtpSink()
  let settings: Settings = {}
  let processes: ChildApp[] = []
  let database: pg.Client
  let proxy: FrontProxy
  let people = 0
  /** signed in as jane, consent given */
  let jane: UserAgent

  before(async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    database = new pg.Client({ connectionString: url })
    await database.connect()
    undo.push(() => database.end())
    await sink.start()
    undo.push(() => sink.stop())
    const clientsFile = join(tmpdir(), `ostiary-race-${randomBytes(4).toString('hex')}.json`)
    writeFileSync(clientsFile, JSON.stringify({ clients: [publicClient()] }))
    undo.push(() => rmSync(clientsFile))
    settings = productionSettings({
      ISSUER,
      DATABASE_URL: url,
      SMTP_URL: sink.url,
      CLIENTS_FILE: clientsFile,
      LOG_LEVEL: 'debug',
      TRUSTED_PROXIES: '127.0.0.1',
    })
    // at once: the first keys and the migrations are a race too
    processes = await Promise.all([ChildApp.start(settings), ChildApp.start(settings)])
    undo.push(() => Promise.all(processes.map((process) => process.dispose())))
    proxy = await startFrontProxy(
      ISSUER,
      processes.map(({ origin }) => origin),
    )
    undo.push(() => proxy.close())
    jane = await register('jane@example.org')
  })

  after(async () => {
    agent.destroy()
    for (const step of undo.toReversed()) await step()
  })

  afterEach(() => {
    const failed = processes.flatMap(({ lines }) => lines.filter(({ level }) => level === 'error'))
    expect(failed.map((line) => JSON.stringify(line).slice(0, 1000))).to.deep.equal([])
  })

  /** Straight to the port of one process, under the issuer's name. */
  function send(
    index: number,
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const port = processes[index % processes.length]?.port
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          method,
          path,
          agent,
          headers: {
            host: new URL(ISSUER).host,
            ...(body === undefined
              ? {}
              : {
                  'content-type': 'application/x-www-form-urlencoded',
                  'content-length': Buffer.byteLength(body),
                }),
            ...headers,
          },
        },
        (incoming) => {
          let text = ''
          incoming.setEncoding('utf8')
          incoming.on('data', (chunk) => {
            text += chunk
          })
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, text, location: incoming.headers.location }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()

  const authorization = (more: Record<string, string> = {}) =>
    `/auth?${form({
      client_id: 'spa',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...more,
    })}`

  const newAgent = () => {
    const browser = new UserAgent()
    browser.stopAt = (url) => url.startsWith('http://localhost:9/')
    return browser
  }

  /** The text of the mail to an address that holds `words`, after the first `seen` of them. */
  async function nextMail(to: string, words: string, seen = 0): Promise<string> {
    for (let tries = 0; tries < 400; tries += 1) {
      const mail = mailsTo(to, words)[seen]
      if (mail !== undefined) return mail
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`no mail number ${seen + 1} to ${to}`)
  }

  const mailsTo = (to: string, words: string) =>
    sink.mails.flatMap((mail) => {
      const text = mail.parsed.text ?? ''
      return mail.to.includes(to) && text.includes(words) ? [text] : []
    })

  async function beginRegistration(
    email: string,
  ): Promise<{ browser: UserAgent; verify: Page; mail: string }> {
    const browser = newAgent()
    // another person, another network: the limits for one are not what is tested here
    proxy.headers['x-forwarded-for'] = `198.51.100.${(people++ % 250) + 1}`
    const signIn = await browser.get(proxy.origin + authorization())
    const page = await browser.get(`${signIn.url}/register`)
    const verify = await browser.submit(page, { email, password: PASSWORD }, '/register')
    return { browser, verify, mail: await nextMail(email, '/verify-email/') }
  }

  const codeIn = (mail: string) => /(\d{3}) ?(\d{3})/.exec(mail)?.slice(1).join('') ?? ''

  async function register(email: string): Promise<UserAgent> {
    const { browser, verify, mail } = await beginRegistration(email)
    const consent = await browser.submit(verify, { code: codeIn(mail) }, '/verify-email')
    const done = await browser.submit(consent, {}, '/consent')
    expect(done.url).to.include('code=')
    return browser
  }

  /** A code for nothing but a request: the session is there. */
  async function newCode(round: number, path = authorization({ prompt: 'none' })): Promise<string> {
    const cookie = jane.cookieHeader(`${proxy.origin}/auth`)
    const { location, text } = await send(round, 'GET', path, undefined, { cookie })
    const code = new URL(location ?? 'x:').searchParams.get('code')
    if (!code) throw new Error(`no code: ${location} ${text.slice(0, 500)}`)
    return code
  }

  const exchange = (index: number, code: string) =>
    send(
      index,
      'POST',
      '/token',
      form({
        grant_type: 'authorization_code',
        client_id: 'spa',
        code,
        redirect_uri: CALLBACK,
        code_verifier: VERIFIER,
      }),
    )

  const refresh = (index: number, token: string) =>
    send(
      index,
      'POST',
      '/token',
      form({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: token }),
    )

  const together = (attempt: (index: number) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: PARALLEL }, (_, index) => attempt(index)))

  /** status and error of each, counted: `{ 200: 1, '400 invalid_grant': 15 }` */
  function tally(answers: Answer[]): Record<string, number> {
    const found: Record<string, number> = {}
    for (const { status, text } of answers) {
      const error = /"error":"(\w+)"/.exec(text)?.[1]
      const key = error ? `${status} ${error}` : String(status)
      found[key] = (found[key] ?? 0) + 1
    }
    return found
  }

  const ONE_WINS = { '200': 1, '400 invalid_grant': PARALLEL - 1 }

  it(`one of 16 redeems a code, and every other is told invalid_grant (${ROUNDS} rounds)`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const code = await newCode(round)
      expect(tally(await together((index) => exchange(index, code)))).to.deep.equal(ONE_WINS)
    }
  })

  it('a code that comes twice opens nothing any more, at either process', async () => {
    const code = await newCode(0)
    const { access_token: access, refresh_token: token } = JSON.parse((await exchange(0, code)).text)
    expect(token).to.be.a('string')
    expect((await exchange(1, code)).status, 'once more, at the other').to.equal(400)
    for (const index of [0, 1]) {
      expect((await refresh(index, token)).status).to.equal(400)
      const userinfo = await send(index, 'GET', '/userinfo', undefined, { authorization: `Bearer ${access}` })
      expect(userinfo.status).to.equal(401)
    }
  })

  it(`one of 16 uses a pushed request (${FEWER} rounds)`, async () => {
    for (let round = 0; round < FEWER; round += 1) {
      const query = new URLSearchParams(authorization({ prompt: 'none' }).slice(6)).toString()
      const pushed = await send(round, 'POST', '/par', query)
      expect(pushed.status, pushed.text).to.equal(201)
      const path = `/auth?${form({ client_id: 'spa', request_uri: JSON.parse(pushed.text).request_uri })}`
      const cookie = jane.cookieHeader(`${proxy.origin}/auth`)
      const answers = await together((index) => send(index, 'GET', path, undefined, { cookie }))
      expect(answers.filter(({ status }) => status >= 500)).to.deep.equal([])
      const codes = answers.filter(({ location }) => location?.includes('code='))
      expect(
        codes.length,
        JSON.stringify(answers.map(({ status, location }) => [status, location])),
      ).to.equal(1)
      for (const { status, location } of answers)
        expect(
          location?.includes('error=invalid_request_uri') || location?.includes('code=') || status === 400,
        ).to.equal(true)
    }
  })

  it(`one of 16 proves an address by its code, the others see the same account (${FEWER} rounds)`, async () => {
    for (let round = 0; round < FEWER; round += 1) {
      const { browser, verify, mail } = await beginRegistration(`code-${round}@example.org`)
      const fields = Object.fromEntries(
        verify.forms.find(({ action }) => action.endsWith('/verify-email'))?.fields ?? [],
      )
      const body = form({ ...fields, code: codeIn(mail) })
      const cookie = browser.cookieHeader(verify.url)
      const path = `${new URL(verify.url).pathname}/verify-email`
      const answers = await together((index) => send(index, 'POST', path, body, { cookie }))
      expect(tally(answers), JSON.stringify(tally(answers))).to.have.property('303')
      expect(answers.filter(({ status }) => ![303, 400, 422].includes(status))).to.deep.equal([])
      expect(await audited('user.registered', `code-${round}@example.org`)).to.equal(1)
    }
  })

  it('16 wrong codes at once count as 16: the right one is locked out after 5', async () => {
    const { browser, verify, mail } = await beginRegistration('guess@example.org')
    const right = codeIn(mail)
    const fields = Object.fromEntries(
      verify.forms.find(({ action }) => action.endsWith('/verify-email'))?.fields ?? [],
    )
    const cookie = browser.cookieHeader(verify.url)
    const path = `${new URL(verify.url).pathname}/verify-email`
    const post = (index: number, code: string) =>
      send(index, 'POST', path, form({ ...fields, code }), { cookie })
    const wrong = (index: number) => String((Number(right) + index + 1) % 1_000_000).padStart(6, '0')
    const answers = await together((index) => post(index, wrong(index)))
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([422]))
    expect((await post(0, right)).status, 'the right code after 16 guesses').to.equal(422)
    expect(await audited('user.registered', 'guess@example.org')).to.equal(0)
  })

  it(`one of 16 uses a reset link (${FEWER} rounds)`, async () => {
    for (let round = 0; round < FEWER; round += 1) {
      const email = `reset-${Math.floor(round / 4)}@example.org`
      if (round % 4 === 0) await register(email)
      const browser = newAgent()
      const seen = mailsTo(email, '/reset-password/').length
      const forgot = await browser.get(`${proxy.origin}/forgot-password`)
      expect((await browser.submit(forgot, { email })).status).to.equal(200)
      const link =
        /https:\/\/\S+(\/reset-password\/\S+)/.exec(await nextMail(email, '/reset-password/', seen))?.[1] ??
        ''
      const page = await browser.get(proxy.origin + link)
      const fields = Object.fromEntries(page.forms[0]?.fields ?? [])
      const cookie = browser.cookieHeader(page.url)
      const before = await audited('user.password_changed', email)
      const answers = await together((index) =>
        send(
          index,
          'POST',
          link,
          form({ ...fields, password: `the calm keeper number ${index} of ${round}` }),
          { cookie },
        ),
      )
      // 503 with a wait: hashing slots are bounded, and a refusal there is no use of the link
      expect(answers.filter(({ status }) => ![200, 410, 503].includes(status))).to.deep.equal([])
      expect(answers.filter(({ status }) => status === 200).length).to.equal(1)
      expect((await audited('user.password_changed', email)) - before).to.equal(1)
    }
  })

  it('one of 16 becomes the first administrator, by the newest link the operator made', async () => {
    const [older, path] = [setupLink(), setupLink()]
    const browser = newAgent()
    expect((await browser.get(proxy.origin + older)).status).to.equal(404)
    const page = await browser.get(proxy.origin + path)
    const fields = Object.fromEntries(page.forms[0]?.fields ?? [])
    const cookie = browser.cookieHeader(page.url)
    const answers = await together((index) =>
      send(
        index,
        'POST',
        path,
        form({ ...fields, email: `owner-${index}@example.org`, password: PASSWORD }),
        { cookie },
      ),
    )
    expect(answers.filter(({ status }) => ![200, 404, 503].includes(status))).to.deep.equal([])
    expect(answers.filter(({ status }) => status === 200).length).to.equal(1)
    expect(await audited('setup.completed')).to.equal(1)
  })

  function setupLink(): string {
    const env = { PATH: process.env.PATH, ...settings }
    const { stdout, stderr } = spawnSync(process.execPath, [SETUP_LINK], {
      env,
      encoding: 'utf8',
      cwd: tmpdir(),
    })
    const link = /^https:\/\/id\.example\.test(\/setup\/\S+)$/m.exec(stdout)?.[1]
    if (!link) throw new Error(`no link: ${stdout} ${stderr}`)
    return link
  }

  it('both processes sign with the same keys', async () => {
    const [one, other] = await Promise.all([0, 1].map((index) => send(index, 'GET', '/jwks')))
    expect(JSON.parse(one?.text ?? '').keys.length).to.be.above(0)
    expect(one?.text).to.equal(other?.text)
  })

  /** Effects as the audit log counts them: one record for each. */
  async function audited(name: string, email?: string): Promise<number> {
    const { rows } = await database.query(
      `select count(*)::int as n from audit_events a left join users u on u.id = a.user_id
       where a.name = $1 and ($2::text is null or u.email = $2)`,
      [name, email ?? null],
    )
    return rows[0].n
  }
})
