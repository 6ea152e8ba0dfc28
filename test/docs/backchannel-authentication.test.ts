/** `docs/backchannel-authentication.md` by its own commands, run as they stand there. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { DeclaredClient } from '../../src/oidc/declared-clients.ts'
import { createPerson } from '../support/people.ts'
import { newAgent } from '../support/protocol.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { markedBlock, readDoc } from './markdown.ts'

const text = readDoc('docs/backchannel-authentication.md')
const entry = JSON.parse(/```json\n([\s\S]*?)\n```/.exec(text)?.[1] ?? '') as DeclaredClient
const EMAIL = 'reader@example.org'
const SECRET = 'a-secret-of-the-till-in-the-docs-0123456789'

describe('docs/backchannel-authentication.md', function () {
  this.timeout(90_000)
  let running: RunningApp
  before(async () => {
    running = await startApp({ overrides: { clients: [{ ...entry, client_secret: SECRET }] } })
    await createPerson(running, { email: EMAIL })
  })
  after(() => running.close())

  async function run(name: string, variables: Record<string, string>): Promise<Record<string, string>> {
    const { PATH = '' } = process.env
    const env = { PATH, ISSUER: running.issuer, EMAIL, SECRET, ...variables }
    const { stdout } = await promisify(execFile)('sh', ['-c', markedBlock(text, name)], { env })
    return JSON.parse(stdout)
  }

  it('leads from the question to the tokens', async () => {
    const asked = await run('ask', {})
    expect(asked.expires_in).to.equal(300)
    const AUTH_REQ_ID = String(asked.auth_req_id)
    expect(await run('poll', { AUTH_REQ_ID })).to.include({ error: 'authorization_pending' })
    const agent = newAgent()
    const mail = await running.nextMail(EMAIL)
    const page = await agent.get(/https?:\/\/\S+\/approve\/\S+/.exec(mail.text)?.[0] ?? '')
    expect(page.text).to.include('W4-SCT').and.to.include('Till 4')
    await agent.submit(page, { answer: 'approve', password: PASSWORD }, '/approve/')
    const tokens = await run('poll', { AUTH_REQ_ID })
    expect(tokens).to.include.keys('id_token', 'access_token', 'refresh_token')
  })
})
