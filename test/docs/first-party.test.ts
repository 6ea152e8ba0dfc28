/** `docs/first-party.md` by its own commands, run as they stand there. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import type { DeclaredClient } from '../../src/oidc/declared-clients.ts'
import { createPerson } from '../support/people.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { markedBlock, readDoc } from './markdown.ts'

const text = readDoc('docs/first-party.md')
const entry = JSON.parse(/```json\n([\s\S]*?)\n```/.exec(text)?.[1] ?? '') as DeclaredClient
const EMAIL = 'reader@example.org'

describe('docs/first-party.md', function () {
  this.timeout(90_000)
  let running: RunningApp
  before(async () => {
    running = await startApp({ overrides: { clients: [entry] } })
    await createPerson(running, { email: EMAIL, verified: false })
  })
  after(() => running.close())

  async function run(name: string, variables: Record<string, string>): Promise<Record<string, string>> {
    const { PATH = '' } = process.env
    const env = { PATH, ISSUER: running.issuer, NAME: EMAIL, PASSWORD, ...variables }
    const { stdout } = await promisify(execFile)('sh', ['-c', markedBlock(text, name)], { env })
    return JSON.parse(stdout)
  }

  it('leads from the form to the tokens', async () => {
    const CODE_VERIFIER = oauth.generateRandomCodeVerifier()
    const CODE_CHALLENGE = await oauth.calculatePKCECodeChallenge(CODE_VERIFIER)
    const pushed = await run('push', { CODE_CHALLENGE })
    const first = await run('challenge', { REQUEST_URI: String(pushed.request_uri) })
    expect(first).to.include({ error: 'insufficient_authorization', next: 'verification_code' })
    const mail = await running.nextMail(EMAIL)
    const DIGITS = /^\s*(\d{3}) (\d{3})\s*$/m.exec(mail.text)?.slice(1).join('') ?? ''
    const done = await run('verify', { AUTH_SESSION: String(first.auth_session), DIGITS })
    const tokens = await run('exchange', { CODE: String(done.authorization_code), CODE_VERIFIER })
    expect(tokens).to.include.keys('id_token', 'access_token', 'refresh_token')
    const again = await run('push', { CODE_CHALLENGE })
    const known = await run('challenge', { REQUEST_URI: String(again.request_uri) })
    expect(known.authorization_code).to.be.a('string')
  })
})
