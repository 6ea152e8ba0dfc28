/** `ostiary user claims` as an operator runs it, and the app that then learns of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as client from 'openid-client'
import { ostiary, settingsOf } from '../support/command.ts'
import { createPerson } from '../support/people.ts'
import { JANE, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('ostiary user claims', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-claims-'))
  const file = join(folder, 'claims.json')
  let app: RunningApp
  before(async () => {
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [webClient()] } })
    await createPerson(app, JANE)
  })
  after(async () => {
    await app?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (...args: string[]) => ostiary(settingsOf(app), ['user', 'claims', ...args])

  it('sets what the next token and userinfo say, while everything runs', async () => {
    const address = { street_address: '12 St James’s Square', country: 'UK' }
    writeFileSync(file, JSON.stringify({ phone_number: '+44 20 7946 0000', address }))
    const { status, stdout, stderr } = run(JANE.email.toUpperCase(), file)
    expect([status, stderr]).to.deep.equal([0, ''])
    expect(JSON.parse(stdout)).to.deep.include({ email: JANE.email, address })
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, { scope: 'openid phone address' })
    const said = await client.fetchUserInfo(rp, tokens.access_token, sub)
    expect(said).to.deep.include({ address, phone_number: '+44 20 7946 0000', phone_number_verified: false })
  })

  it('refuses who is not there and what is no claim, and changes nothing then', () => {
    writeFileSync(file, JSON.stringify({ nickname: 'J', email: 'mallory@example.org' }))
    const wrong = run(JANE.email, file)
    expect(wrong.status).to.equal(1)
    expect(wrong.stderr).to.include('email is no claim that is set here')
    expect(JSON.parse(run(JANE.email).stdout)).to.not.have.property('nickname')
    const nobody = run('nobody@example.org')
    expect([nobody.status, nobody.stdout]).to.deep.equal([1, ''])
    expect(run().status).to.equal(2)
    expect(run('--help').stdout).to.match(/^Usage: ostiary user claims /)
  })
})
