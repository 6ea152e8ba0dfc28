/** docs/mcp.md holds: its command and its program, and then exactly what it says a client does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import { freePort } from '../support/child-service.ts'
import { ostiary, settingsOf } from '../support/command.ts'
import { createPerson } from '../support/people.ts'
import { get } from '../support/protocol.ts'
import { CALLBACK, walk } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'
import { markedBlock, ROOT, readDoc } from './markdown.ts'

const page = readDoc('docs/mcp.md')
const PERSON = { email: 'reader@example.org' }
const TOKEN = 'an-initial-access-token-of-the-mcp-test'
const OTHER = 'https://other.example'
const insecure = { [oauth.allowInsecureRequests]: true }

describe('the page about MCP', function () {
  this.timeout(90_000)
  let running: RunningApp
  let folder: string
  let server: ChildProcess
  let resource: string
  let as: oauth.AuthorizationServer
  let client: oauth.Client

  before(async () => {
    const settings = {
      INITIAL_ACCESS_TOKEN: TOKEN,
      RESOURCE_SERVERS: JSON.stringify([{ audience: OTHER, scopes: ['mcp:tools'] }]),
    }
    running = await startApp({ stack: 'postgres+redis', settings })
    await createPerson(running, PERSON)
    resource = `http://localhost:${await freePort()}/mcp`
    mkdirSync(join(ROOT, '.tmp'), { recursive: true })
    folder = mkdtempSync(join(ROOT, '.tmp', 'mcp-'))
  })
  after(async () => {
    server?.kill()
    await running?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  it('1. its command adds the server while Ostiary runs', () => {
    const words = [...markedBlock(page, 'mcp-add').matchAll(/"([^"]*)"|(\S+)/g)].map(
      (hit) => hit[1] ?? hit[2] ?? '',
    )
    const [program, ...args] = words
    expect(program).to.equal('bin/ostiary')
    const { status, stdout, stderr } = ostiary(
      settingsOf(running),
      args.map((word) => word.replace('http://localhost:8090/mcp', resource)),
    )
    expect([status, stderr]).to.deep.equal([0, ''])
    expect(stdout).to.include(`${resource}  Example MCP server`).and.to.include('Use its tools in your name')
  })

  it('2. its program starts, and answers a call without a token with where to read on', async () => {
    const file = join(folder, 'server.mjs')
    writeFileSync(file, markedBlock(page, 'mcp-server'))
    const env = { PATH: process.env.PATH, ISSUER: running.issuer, RESOURCE: resource }
    server = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], env })
    await new Promise<void>((resolve, reject) => {
      server.stdout?.once('data', () => resolve())
      server.once('exit', (code) => reject(new Error(`the program ended with code ${code}`)))
    })
    const { status, headers } = await get(resource)
    expect(status).to.equal(401)
    const address = /resource_metadata="([^"]+)"/.exec(String(headers.get('www-authenticate')))?.[1]
    const metadata = await oauth.processResourceDiscoveryResponse(
      new URL(resource),
      await fetch(String(address)),
    )
    expect(metadata.authorization_servers).to.deep.equal([running.issuer])
    // Where a client looks that was not told (RFC 9728 3.1), and the copy that Ostiary keeps.
    const own = await oauth.resourceDiscoveryRequest(new URL(resource), insecure)
    expect(await oauth.processResourceDiscoveryResponse(new URL(resource), own)).to.deep.equal(metadata)
    const copyAt = `${running.issuer}/.well-known/oauth-protected-resource/${resource.replace('http://', '')}`
    const copy = await oauth.processResourceDiscoveryResponse(new URL(resource), await fetch(copyAt))
    expect(copy).to.deep.include(metadata)
  })

  it('3. the metadata of Ostiary hold what MCP asks for, and a client registers by them', async () => {
    const issuer = new URL(running.issuer)
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    as = await oauth.processDiscoveryResponse(issuer, discovered)
    expect(as.code_challenge_methods_supported).to.include('S256')
    const wanted = {
      client_name: 'MCP client',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }
    const options = { initialAccessToken: TOKEN, ...insecure }
    const registered = await oauth.dynamicClientRegistrationRequest(as, wanted, options)
    client = await oauth.processDynamicClientRegistrationResponse(registered)
    const stranger = await oauth.dynamicClientRegistrationRequest(as, wanted, insecure)
    expect(stranger.status, 'without the initial access token').to.equal(401)
  })

  /** Steps 5 and 6 of what a client does. */
  async function tokenFor(target: string | undefined, scope = 'mcp:tools', agent = new UserAgent()) {
    const verifier = oauth.generateRandomCodeVerifier()
    const url = new URL(String(as.authorization_endpoint))
    const asked = {
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope,
      resource: target ?? resource,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: 's',
    }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    const arrived = await walk(agent, url, PERSON)
    const answer = oauth.validateAuthResponse(as, client, new URL(arrived.url), 's')
    const response = await oauth.authorizationCodeGrantRequest(
      ...([as, client, oauth.None(), answer, CALLBACK, verifier] as const),
      { ...insecure, ...(target === undefined ? {} : { additionalParameters: { resource: target } }) },
    )
    return oauth.processAuthorizationCodeResponse(as, client, response)
  }

  it('4. asks the person in the server’s words, and a call with the token goes through', async () => {
    const agent = new UserAgent()
    const submit = agent.submit.bind(agent)
    let consent = ''
    agent.submit = async (...args) => {
      if (args[2] === '/consent') consent = args[0].text
      return submit(...args)
    }
    const { access_token, refresh_token } = await tokenFor(resource, 'mcp:tools', agent)
    expect(consent).to.include('Example MCP server').and.to.include('Use its tools in your name')
    expect(refresh_token).to.be.a('string')
    const { status, json } = await get(resource, { bearer: access_token })
    expect(status).to.equal(200)
    expect(json.result.client).to.equal(client.client_id)
  })

  it('refuses a token for another API, one without an audience, and one that was changed', async () => {
    const elsewhere = (await tokenFor(OTHER)).access_token
    const nowhere = (await tokenFor(undefined, 'openid mcp:tools')).access_token
    const good = (await tokenFor(resource)).access_token
    for (const bearer of [elsewhere, nowhere, `${good.slice(0, -4)}AAAA`]) {
      const { status, headers } = await get(resource, { bearer })
      expect(status).to.equal(401)
      expect(headers.get('www-authenticate'))
        .to.include('error="invalid_token"')
        .and.to.include('resource_metadata=')
    }
    expect((await get(resource, { bearer: good })).status).to.equal(200)
  })
})
