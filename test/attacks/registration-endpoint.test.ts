/** What an application that registered itself can take, and what a withdrawn initial access token still opens. */

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { freePort } from '../support/child-service.ts'
import { get, post, sendJson } from '../support/protocol.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const META = { redirect_uris: ['https://app.example.org/cb'], client_name: 'x' }

describe('a self-registered application', () => {
  let running: RunningApp
  let target: Server
  let redirector: Server
  let hits = 0
  before(async () => {
    target = createServer((_req, res) => {
      hits += 1
      res.statusCode = 418
      res.end('[]')
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    const targetPort = (target.address() as AddressInfo).port
    redirector = createServer((_req, res) => {
      res.writeHead(302, { location: `http://127.0.0.1:${targetPort}/internal` })
      res.end()
    })
    await new Promise<void>((resolve) => redirector.listen(0, '127.0.0.1', resolve))
    const port = (redirector.address() as AddressInfo).port
    running = await startApp({
      settings: {
        INITIAL_ACCESS_TOKEN: TOKEN,
        RESOURCE_SERVERS: JSON.stringify([{ audience: 'https://api.example.org', scopes: ['orders:write'] }]),
        OUTBOUND_ALLOW: `http://localhost:${port}`,
      },
    })
    allowed = `http://localhost:${port}`
  })
  after(async () => {
    await running.close()
    target.close()
    redirector.close()
  })
  let allowed = ''

  const register = (more: Record<string, unknown>, path = '/reg') =>
    sendJson('POST', `${running.issuer}${path}`, { ...META, ...more }, { bearer: TOKEN })

  it("gets no token of its own for the operator's API", async () => {
    const client = await register({
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    })
    if (client.status !== 201) return
    const answer = await post(
      `${running.issuer}/token`,
      { grant_type: 'client_credentials', resource: 'https://api.example.org', scope: 'orders:write' },
      { basic: [client.json.client_id, client.json.client_secret] },
    )
    expect(answer.status, JSON.stringify(answer.json)).to.not.equal(200)
  })

  it('reads the same record under every spelling of its address', async () => {
    const client = await register({})
    expect(client.json.client_secret).to.be.a('string')
    const { pathname } = new URL(client.json.registration_client_uri)
    const plain = await get(`${running.issuer}${pathname}`, { bearer: client.json.registration_access_token })
    const upper = await get(`${running.issuer}${pathname.replace('/reg/', '/REG/')}`, {
      bearer: client.json.registration_access_token,
    })
    expect(Object.keys(upper.json ?? {}).sort()).to.deep.equal(
      upper.status === 404 ? ['error', 'request_id'] : Object.keys(plain.json).sort(),
    )
    expect(upper.text).to.not.include('hmac-sha256:')
  })

  it('cannot make us follow a listed origin to one that is not listed', async () => {
    const answer = await register({ sector_identifier_uri: `${allowed}/sector`, subject_type: 'public' })
    expect(hits, answer.text).to.equal(0)
  })

  it('cannot set the operator flags by __proto__', async () => {
    const raw = `{"redirect_uris":["https://app.example.org/cb"],"__proto__":{"first_party":true,"client_id":"web"}}`
    const answer = await fetch(`${running.issuer}/reg`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      body: raw,
    })
    const json = (await answer.json()) as Record<string, string>
    if (answer.status === 201) {
      const stored = await running.app.storage.database.clients.find(String(json.client_id))
      expect(stored?.firstParty).to.equal(false)
      expect(stored?.source).to.equal('registration')
    }
    expect(({} as Record<string, unknown>).first_party).to.equal(undefined)
  })

  for (const uri of [
    'javascript:alert(1)',
    'data:text/html,x',
    'http://intranet.example/',
    'myapp:/x',
    'https://a@b.example/',
  ])
    it(`cannot register ${uri} to be sent to after sign-out`, async () => {
      for (const application_type of ['web', 'native']) {
        const answer = await register({
          application_type,
          redirect_uris: ['https://app.example.org/cb'],
          post_logout_redirect_uris: [uri],
        })
        expect(answer.status, `${application_type} ${answer.text}`).to.equal(400)
      }
    })
})

describe('an initial access token', () => {
  it('that the operator replaced opens nothing any more', async () => {
    const postgres = await newPostgresDatabase()
    const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-test-'))
    const key = randomBytes(32).toString('base64')
    const start = async (token: string) => {
      const { config, secrets } = loadConfig({
        PORT: String(await freePort()),
        DATA_DIR: dataDir,
        OSTIARY_SECRET_KEY: key,
        DATABASE_URL: postgres.url,
        INITIAL_ACCESS_TOKEN: token,
        DRAIN_SECONDS: '1',
      })
      const app = await createApp(config, secrets, createLogger('silent'))
      await app.listen()
      return app
    }
    try {
      const first = await start(TOKEN)
      await first.close()
      const second = await start('another-initial-access-token-of-the-tests-2')
      try {
        const answer = await sendJson('POST', `${second.config.issuer}/reg`, META, { bearer: TOKEN })
        expect(answer.status).to.equal(401)
      } finally {
        // an audit record still on its way would keep the pool from closing (see shutdown.pending.ts)
        await new Promise((resolve) => setTimeout(resolve, 300))
        await second.close()
      }
    } finally {
      await postgres.drop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})
