/** The README holds: every setting with its default, every command, every snippet, every link. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { SECRET_NAMES, SETTING_NAMES } from '../../src/config/schema.ts'
import { launchBrowser } from '../support/browser.ts'
import { freePort } from '../support/child-service.ts'
import { createPerson } from '../support/people.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'
import { anchorsOf, localLinks, markedBlock, quoted, ROOT, readDoc, tableRows } from './markdown.ts'

const readme = readDoc('README.md')
const KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64')

describe('the README', () => {
  describe('its table of settings', () => {
    const rows = tableRows(readme, 'name', 'default', 'meaning')
    const defaultOf = new Map(rows.map(([name = '', value = '']) => [quoted(name)[0], value]))

    it('has every setting once, in the order of the schema', () => {
      expect(rows.map(([name = '']) => quoted(name)[0])).to.deep.equal(SETTING_NAMES)
      for (const [, , meaning] of rows) expect(meaning).to.match(/\w{3}/)
    })

    it('has the defaults that the program has', () => {
      const { config } = loadConfig({ OSTIARY_SECRET_KEY: KEY })
      const endpoint = 'http://localhost:4318'
      const { tracing: traced } = loadConfig({
        OSTIARY_SECRET_KEY: KEY,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      }).config
      const defaults: [string, (config: Config) => unknown][] = [
        ['PORT', ({ listen }) => listen.port],
        ['DATA_DIR', ({ dataDir }) => dataDir],
        ['MAIL_FROM', ({ mail }) => mail.from],
        ['BRAND_NAME', ({ brandName }) => brandName],
        ['PASSWORD_MIN_LENGTH', ({ password }) => password.minLength],
        ['SESSION_IDLE_HOURS', ({ lifetimes }) => lifetimes.session.idle / 3600],
        ['SESSION_MAX_HOURS', ({ lifetimes }) => lifetimes.session.most / 3600],
        ['REMEMBER_IDLE_DAYS', ({ lifetimes }) => lifetimes.remembered.idle / 86_400],
        ['REMEMBER_MAX_DAYS', ({ lifetimes }) => lifetimes.remembered.most / 86_400],
        ['REFRESH_IDLE_DAYS', ({ lifetimes }) => lifetimes.refresh.idle / 86_400],
        ['REFRESH_MAX_DAYS', ({ lifetimes }) => lifetimes.refresh.most / 86_400],
        ['SIGNING_ALGORITHMS', ({ signing }) => signing.algorithms.join(',')],
        ['SIGNING_KEY_DAYS', ({ signing }) => signing.signFor / 86_400],
        ['ARGON2_MEMORY_KIB', ({ hashing }) => hashing.memoryKiB],
        ['ARGON2_ITERATIONS', ({ hashing }) => hashing.iterations],
        ['OTEL_SERVICE_NAME', () => traced?.serviceName],
        ['OTEL_TRACES_SAMPLER_ARG', () => traced?.share],
        ['LOG_LEVEL', ({ logLevel }) => logLevel],
        ['WORKERS', ({ workers }) => workers],
        ['DRAIN_DELAY_SECONDS', ({ drainDelaySeconds }) => drainDelaySeconds],
        ['DRAIN_SECONDS', ({ drainSeconds }) => drainSeconds],
      ]
      for (const [name, of] of defaults)
        expect(quoted(defaultOf.get(name) ?? '')[0], name).to.equal(String(of(config)))
      const postgres = loadConfig({ OSTIARY_SECRET_KEY: KEY, DATABASE_URL: 'postgres://localhost/x' }).config
      expect(postgres.database).to.deep.include({
        poolSize: Number(quoted(defaultOf.get('DATABASE_POOL') ?? '')[0]),
      })
      const most = Number(quoted(defaultOf.get('HASHING_SLOTS') ?? '')[0])
      expect(postgres.hashing.slots).to.equal(Math.min(availableParallelism(), most))
      expect(config.samples?.port).to.equal(config.listen.port + 1)
      expect(config.listen.hosts).to.not.include('0.0.0.0')
    })

    it('says which of them may come from a file', () => {
      const sentence = /Settings are environment variables\.[\s\S]*?may also come from a file/.exec(
        readme,
      )?.[0]
      expect(quoted(sentence ?? '')).to.include.members([...SECRET_NAMES])
    })
  })

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(readDoc('package.json')) as { scripts: Record<string, string> }
    const named = [...readme.matchAll(/npm (?:run (?:-s )?([\w:-]+)|(start|test))/g)].map(
      (hit) => hit[1] ?? hit[2],
    )
    expect(named).to.include.members(['start', 'test', 'check', 'dev', 'bench', 'ostiary'])
    expect(Object.keys(scripts)).to.include.members(named)
  })
})

describe('links of the documentation', () => {
  const docs = [
    'README.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'bench/README.md',
    'config/README.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => `docs/${path}`),
  ]
  for (const doc of docs)
    it(`${doc} leads to files and headings that exist`, () => {
      for (const { file, anchor } of localLinks(readDoc(doc))) {
        const path = file === '' ? doc : join(dirname(doc), file)
        expect(existsSync(join(ROOT, path)), `${doc} -> ${path}`).to.equal(true)
        if (anchor !== undefined) expect(anchorsOf(readDoc(path)), `${doc} -> ${path}`).to.include(anchor)
      }
    })

  it('every decision says what, why, what follows and what else there was', () => {
    for (const doc of docs.filter((path) => /decisions\/\d{4}-/.test(path)))
      expect(
        [...readDoc(doc).matchAll(/^## (.+)$/gm)].map((match) => match[1]),
        doc,
      ).to.deep.equal(['Context', 'Decision', 'Consequences', 'Alternatives'])
  })

  it('files named in the tables of the README and of SECURITY.md exist', () => {
    const rows = [
      ...tableRows(readme, 'folder', 'what is in it'),
      ...tableRows(readDoc('SECURITY.md'), 'what', 'how', 'where').map(([, , where = '']) => [where]),
    ]
    const paths = rows.flatMap(([cell = '']) => quoted(cell))
    expect(paths).to.have.length.greaterThan(15)
    for (const path of paths) expect(existsSync(join(ROOT, path)), path).to.equal(true)
  })
})

describe('the snippets of the README', function () {
  this.timeout(90_000)
  const email = 'reader@example.org'
  const token = 'an-initial-access-token-of-the-readme-test'
  let running: RunningApp
  let folder: string

  before(async () => {
    running = await startApp({ settings: { INITIAL_ACCESS_TOKEN: token } })
    await createPerson(running, { email })
    // Inside the project, so that the snippets find the packages they import.
    mkdirSync(join(ROOT, '.tmp'), { recursive: true })
    folder = mkdtempSync(join(ROOT, '.tmp', 'readme-'))
  })
  after(async () => {
    await running?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  /** Does with fetch what the curl command of the README does, with changes to the client's members. */
  async function register(changes: Record<string, unknown>): Promise<Record<string, string>> {
    const command = markedBlock(readme, 'register')
    const [, address = ''] = /curl -s (\S+)/.exec(command) ?? []
    const headers = [...command.matchAll(/-H "([\w-]+): ([^"]+)"/g)].map(([, name = '', value = '']) => [
      name,
      value.replace('$INITIAL_ACCESS_TOKEN', token),
    ])
    const [, body = ''] = /-d '([\s\S]+)'/.exec(command) ?? []
    const response = await fetch(address.replace('http://localhost:3000', running.issuer), {
      method: 'POST',
      headers: Object.fromEntries(headers),
      body: JSON.stringify({ ...JSON.parse(body), ...changes }),
    })
    const answer = (await response.json()) as Record<string, string>
    expect(response.status, JSON.stringify(answer)).to.equal(201)
    return answer
  }

  it('registers an app and signs a person in with openid-client', async () => {
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const client = await register({ redirect_uris: [`${origin}/callback`] })
    const file = join(folder, 'app.mjs')
    writeFileSync(file, markedBlock(readme, 'openid-client'))
    const child = spawn(process.execPath, [file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        ISSUER: running.issuer,
        PORT: String(port),
        CLIENT_ID: client.client_id,
        CLIENT_SECRET: client.client_secret,
      },
    })
    try {
      await untilItSpeaks(child)
      const agent = new UserAgent()
      const signIn = await agent.get(origin)
      const consent = await agent.submit(signIn, { identifier: email, password: PASSWORD }, '/sign-in')
      const page = await agent.submit(consent, {}, '/consent')
      expect(page.status, page.text).to.equal(200)
      expect(page.text).to.match(/^Hello reader@example\.org, known here as usr_/)
    } finally {
      child.kill()
    }
  })

  it('signs a person in with oidc-client-ts, in a browser', async () => {
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const client = await register({
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/`],
      token_endpoint_auth_method: 'none',
    })
    const code = markedBlock(readme, 'oidc-client-ts')
      .replace('http://localhost:3000', running.issuer)
      .replace('my-single-page-app', String(client.client_id))
    const server = await serveApp(port, code)
    const browser = await launchBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(origin)
      await page.fill('input[name=identifier]', email)
      await page.fill('input[name=password]', PASSWORD)
      await page.click('form[action$="/sign-in"] button[type=submit]')
      await page.click('form[action$="/consent"] button[type=submit]')
      await page.getByText('Hello reader@example.org').waitFor()
    } finally {
      await browser.close()
      server.close()
    }
  })
})

function untilItSpeaks(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the snippet ended with code ${code}`)))
  })
}

/** A page on every path that loads the snippet; an import map stands in for a bundler. */
async function serveApp(port: number, code: string): Promise<Server> {
  const modules = {
    'oidc-client-ts': 'node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js',
    'jwt-decode': 'node_modules/jwt-decode/build/esm/index.js',
  }
  const imports = Object.fromEntries(Object.keys(modules).map((name) => [name, `/module/${name}.js`]))
  const page = `<!doctype html><title>app</title><script type="importmap">${JSON.stringify({ imports })}</script><script type="module" src="/app.js"></script><body></body>`
  const files = new Map([
    ['/app.js', code],
    ...Object.entries(modules).map(([name, path]): [string, string] => [
      `/module/${name}.js`,
      readFileSync(join(ROOT, path), 'utf8'),
    ]),
  ])
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url ?? '/', 'http://localhost').pathname)
    response.setHeader('Content-Type', file === undefined ? 'text/html' : 'text/javascript')
    response.end(file ?? page)
  })
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  return server
}
