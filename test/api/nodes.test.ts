/** Two nodes: what ends access on one has ended it at the API of the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { auth, authAs, login, type TokenSet } from '../support/auth-api.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { freePort } from '../support/child-service.ts'
import { NODE_HEADER, type Nodes, startNodes } from '../support/nodes.ts'
import { createPerson } from '../support/people.ts'
import { post, send, signIn } from '../support/protocol.ts'
import { discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

describe('the API on two nodes', function () {
  this.timeout(120_000)
  let nodes: Nodes
  before(async () => {
    nodes = await startNodes(2, {}, { clients: [webClient({ first_party: true })] })
  })
  after(() => nodes?.close())

  const at = (node: number, method: string, path: string, token: string) =>
    send(method, nodes.issuer + path, undefined, { bearer: token, headers: { [NODE_HEADER]: String(node) } })

  async function newToken(email: string, roles: readonly string[] = [], deployment = nodes) {
    const [app] = deployment.apps
    if (!app) throw new Error('no node')
    const person = await createPerson({ app, config: app.config, secrets: deployment.secrets }, { email })
    for (const role of roles) await app.storage.database.users.addRole(person.id, role)
    const resource = `${deployment.issuer}/api`
    const scope = 'openid account:read account:write users:write'
    const rp = await discover(deployment.issuer)
    const { tokens, agent } = await signIn(
      rp,
      { scope, resource },
      { person: { email }, exchange: { resource } },
    )
    return { userId: person.id, token: tokens.access_token, agent }
  }

  it('refuses on the other node, with the next request, what was ended here', async () => {
    const admin = await newToken('admin@example.org', ['admin'])
    const endings: Record<string, (one: Awaited<ReturnType<typeof newToken>>) => Promise<unknown>> = {
      'signing out': async ({ agent }) => {
        const page = await agent.get(`${nodes.issuer}/session/end`, { [NODE_HEADER]: '0' })
        await agent.submit(page, { logout: 'yes' })
      },
      revocation: ({ token }) => post(`${nodes.issuer}/revoke`, { token }, { basic: ['web', RP_SECRET] }),
      'disabling the person': ({ userId }) =>
        at(0, 'POST', `/api/v1/admin/users/${userId}/disable`, admin.token),
    }
    for (const [index, [how, end]] of Object.entries(endings).entries()) {
      const one = await newToken(`one-${index}@example.org`)
      expect((await at(1, 'GET', '/api/v1/users/me', one.token)).status, how).to.equal(200)
      await end(one)
      const { status, json } = await at(1, 'GET', '/api/v1/users/me', one.token)
      expect([status, json.code], how).to.deep.equal([401, 'invalid_token'])
    }
    expect((await at(1, 'GET', '/api/v1/users/me', admin.token)).status).to.equal(200)
  })

  it('refuses on the other node within a second what the API’s own sign-in gave, at the API, userinfo and introspection', async () => {
    const [first] = nodes.apps
    if (!first) throw new Error('no node')
    const admin = await newToken('admin-3@example.org', ['admin'])
    const on = (node: number) => ({ headers: { [NODE_HEADER]: String(node) } })
    const refused = async (node: number, { access_token: access, refresh_token: refresh }: TokenSet) => {
      const web = { basic: ['web', RP_SECRET] as const, ...on(node) }
      const me = await at(node, 'GET', '/api/v1/users/me', access)
      const verify = await authAs(nodes, access, 'verify', on(node))
      const userinfo = await at(node, 'GET', '/userinfo', access)
      const introspected = await post(`${nodes.issuer}/introspect`, { token: access }, web)
      const lasting = await post(`${nodes.issuer}/introspect`, { token: refresh }, web)
      return {
        answers: [me.status, verify.status, userinfo.status],
        active: [introspected.json.active, lasting.json.active],
      }
    }
    type Ending = (one: { userId: string; tokens: TokenSet }) => Promise<{ status: number }>
    const endings: Record<string, Ending> = {
      'signing out': ({ tokens }) => authAs(nodes, tokens.access_token, 'logout', on(0)),
      'signing out everywhere': ({ tokens }) => authAs(nodes, tokens.access_token, 'logout-all', on(0)),
      'disabling the person': ({ userId }) =>
        at(0, 'POST', `/api/v1/admin/users/${userId}/disable`, admin.token),
    }
    for (const [index, [how, end]] of Object.entries(endings).entries()) {
      const email = `by-api-${index}@example.org`
      const person = await createPerson(
        { app: first, config: first.config, secrets: nodes.secrets },
        { email },
      )
      const tokens = await login(nodes, email, PASSWORD, on(0))
      // The other node knows all of it before it ends. The token opens the API and not userinfo.
      expect(await refused(1, tokens), how).to.deep.equal({ answers: [200, 200, 403], active: [true, true] })
      const started = performance.now()
      expect((await end({ userId: person.id, tokens })).status, how).to.equal(204)
      const dead = { answers: [401, 401, 401], active: [false, false] }
      expect(await refused(1, tokens), `${how}: the other node`).to.deep.equal(dead)
      expect(await refused(0, tokens), `${how}: this node`).to.deep.equal(dead)
      expect(performance.now() - started, `${how}: both nodes were asked`).to.be.below(1000)
      const again = await auth(nodes, 'refresh', { refresh_token: tokens.refresh_token }, on(1))
      expect([again.status, again.json.code], how).to.deep.equal([401, 'refresh_token_invalid'])
    }
  })

  it('goes on on the other node with a sign-in that began here, once', async () => {
    const [first] = nodes.apps
    if (!first) throw new Error('no node')
    const email = 'half-way@example.org'
    const running = { app: first, config: first.config, secrets: nodes.secrets }
    await createPerson(running, { email, verified: false })
    const on = (node: number) => ({ headers: { [NODE_HEADER]: String(node) } })
    const begun = await auth(nodes, 'login', { email, password: PASSWORD }, on(0))
    expect(begun.json.code).to.equal('verification_required')
    const session = { auth_session: begun.json.auth_session }
    let code: string | undefined
    for (let tries = 0; code === undefined; tries += 1) {
      expect(tries).to.be.below(100)
      await sleep(50)
      const mails = await first.storage.mailbox.list(50)
      code = /\b\d{3}\s?\d{3}\b/.exec(mails.find(({ recipient }) => recipient === email)?.text ?? '')?.[0]
    }
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        auth(nodes, 'login/continue', { ...session, verification_code: String(code) }, on(index % 2)),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1)
    for (const { status, json } of answers)
      if (status !== 200) expect(json.code).to.equal('auth_session_invalid')
  })

  it('says in its own words that the database is away, and works when it is back', async () => {
    const database = await newPostgresDatabase()
    const url = new URL(database.url)
    const home = Number(url.port)
    const proxy = await TcpProxy.start(home)
    url.host = `127.0.0.1:${proxy.port}`
    const one = await startNodes(
      1,
      { DATABASE_URL: url.href },
      { clients: [webClient({ first_party: true })] },
    )
    try {
      const { token } = await newToken('patient@example.org', [], one)
      const me = () => send('GET', `${one.issuer}/api/v1/users/me`, undefined, { bearer: token })
      expect((await me()).status).to.equal(200)
      proxy.target = await freePort()
      proxy.reset()
      const away = await me()
      expect([away.status, away.json.code], away.text).to.deep.equal([503, 'unavailable'])
      expect(Number(away.headers.get('retry-after'))).to.be.above(0)
      expect(away.text).to.not.match(/ECONN|postgres|terminated/i)
      const login = await auth(one, 'login', { email: 'patient@example.org', password: PASSWORD })
      expect(login.status, login.text).to.equal(503)
      expect(Number(login.headers.get('retry-after'))).to.be.above(0)
      expect(login.text).to.not.match(/ECONN|postgres|terminated/i)
      proxy.target = home
      for (let tries = 0; (await me()).status !== 200; tries += 1) {
        expect(tries).to.be.below(50)
        await sleep(100)
      }
    } finally {
      await one.close()
      await proxy.close()
      await database.drop()
    }
  })

  it('of repeated creations on both nodes one is made', async () => {
    const admin = await newToken('admin-2@example.org', ['admin'])
    const body = JSON.stringify({ email: 'both@example.org' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        send('POST', `${nodes.issuer}/api/v1/admin/users`, body, {
          bearer: admin.token,
          headers: {
            ...{ 'content-type': 'application/json', 'idempotency-key': 'both-nodes' },
            [NODE_HEADER]: String(index % 2),
          },
        }),
      ),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(new Set(made.map(({ json }) => json.id)).size).to.equal(1)
    for (const { status, text } of answers) expect(status, text).to.be.oneOf([201, 409])
  })
})
