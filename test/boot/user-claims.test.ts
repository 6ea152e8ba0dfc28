/** `ostiary user claims` as an operator runs it, and the app that then learns of it. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as client from 'openid-client'
import { newPostgresDatabase } from '../support/backends.ts'
import { createPerson } from '../support/people.ts'
import { JANE, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'
import { ROOT } from '../support/source-tree.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('ostiary user claims', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-claims-'))
  const file = join(folder, 'claims.json')
  const key = randomBytes(32).toString('base64')
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  let app: RunningApp
  before(async () => {
    database = await newPostgresDatabase()
    const settings = { OSTIARY_SECRET_KEY: key, DATABASE_URL: database.url }
    // The stack that keeps the database it is told to.
    app = await startApp({ stack: 'postgres+redis', settings, overrides: { clients: [webClient()] } })
    await createPerson(app, JANE)
  })
  after(async () => {
    await app?.close()
    await database?.drop()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['src/cli/ostiary.ts', 'user', 'claims', ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH: process.env.PATH, OSTIARY_SECRET_KEY: key, DATABASE_URL: database.url, DATA_DIR: folder },
    })

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
