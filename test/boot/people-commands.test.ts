/** `ostiary import|export users`, `user …` and `client secrets …` as an operator runs them, while the server serves. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashSync as bcrypt } from '@node-rs/bcrypt'
import { expect } from 'chai'
import { ostiaryMeanwhile, settingsOf } from '../support/command.ts'
import { post } from '../support/protocol.ts'
import { begin, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

const PASSWORD = 'fog over the breakwater'
const ID = '3f2b8a30-52b1-4e9e-8d1c-0a7d5c1b9e11'
const LINES = [
  {
    ...{ id: ID, email: 'anna@example.org', email_verified: true },
    ...{ name: 'Anna', created_at: '2020-01-02T03:04:05.678Z', password_hash: bcrypt(PASSWORD, 4) },
  },
  { email: 'ben@example.org', username: 'ben' },
]

describe('people and secrets by command', function () {
  this.timeout(240_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-people-'))
  const at = (name: string) => join(folder, name)
  let app: RunningApp
  before(async () => {
    const client = webClient({ grant_types: ['authorization_code', 'client_credentials'] })
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [client] } })
  })
  after(async () => {
    await app?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (...words: string[]) => ostiaryMeanwhile({ ...settingsOf(app), DATA_DIR: folder }, words)
  const signsIn = async (email: string, password: string) => {
    const started = await begin(await discover(app.issuer))
    return (await walk(new UserAgent(), started.url, { email, password })).url.includes('code=')
  }

  it('people are looked at, taken in, and written out again, with their hashes when that is asked for', async () => {
    const wrong = [...LINES, { email: 'no address' }]
    writeFileSync(at('in.jsonl'), wrong.map((line) => JSON.stringify(line)).join('\n'))
    const dry = await run('import', 'users', '--dry-run', at('in.jsonl'))
    expect(dry.status, dry.stderr).to.equal(3)
    expect(dry.stdout)
      .to.include('Nothing was written')
      .and.to.match(/line 3, email: .+\n {2}-> /)
    expect(await app.app.storage.database.users.findByEmail('anna@example.org')).to.equal(undefined)
    const real = await run('import', 'users', '--json', at('in.jsonl'))
    expect(JSON.parse(real.stdout)).to.include({ dry_run: false, created: 2, refused: 1 })
    const again = await run('import', 'users', '--json', at('in.jsonl'))
    expect(JSON.parse(again.stdout)).to.include({ created: 0, unchanged: 2, refused: 1 })
    const plain = await run('export', 'users', at('plain.jsonl'))
    expect([plain.status, plain.stderr]).to.deep.equal([0, ''])
    expect(readFileSync(at('plain.jsonl'), 'utf8'))
      .to.include('anna@')
      .and.not.include('password_hash')
    expect(statSync(at('plain.jsonl')).mode & 0o077, 'for its owner only').to.equal(0)
    expect((await run('export', 'users', at('plain.jsonl'))).status, 'is not written over').to.equal(1)
    await run('export', 'users', '--password-hashes', at('hashes.jsonl'))
    const [anna = ''] = readFileSync(at('hashes.jsonl'), 'utf8').split('\n')
    expect(JSON.parse(anna)).to.deep.equal(LINES[0])
  })

  it('a password signs in, and what was written out with it signs in again after the account was erased', async () => {
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(true)
    await run('export', 'users', '--password-hashes', at('own.jsonl'))
    expect(readFileSync(at('own.jsonl'), 'utf8')).to.include('keyid=')
    const unasked = await run('user', 'delete', '--erase-now', 'anna@example.org')
    expect(unasked.status, 'asks first').to.equal(2)
    const erased = await run('user', 'delete', '--erase-now', '--yes', 'anna@example.org')
    expect([erased.status, erased.stderr]).to.deep.equal([0, ''])
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(false)
    const { stdout } = await run('import', 'users', '--on-conflict', 'skip', '--json', at('own.jsonl'))
    expect(JSON.parse(stdout)).to.include({ created: 1, refused: 0 })
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(true)
  })

  it('an account is deleted and given back, its password stopped; who has none is invited', async () => {
    const deleted = await run('user', 'delete', '--json', 'anna@example.org')
    expect(JSON.parse(deleted.stdout)).to.include({ status: 'disabled' })
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(false)
    expect((await run('user', 'restore', ID)).status).to.equal(0)
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(true)
    expect((await run('user', 'force-reset', 'anna@example.org')).status).to.equal(0)
    expect(await signsIn('anna@example.org', PASSWORD)).to.equal(false)
    expect((await run('user', 'invite', 'ben@example.org')).stdout).to.include('on its way')
    expect((await app.nextMail('ben@example.org')).text).to.include('/reset-password/')
    const refused = await run('user', 'invite', '--json', 'anna@example.org')
    expect([refused.status, JSON.parse(refused.stderr).error.code]).to.deep.equal([1, 'not_invitable'])
  })

  it('a secret is replaced while the former one works, until it is revoked', async () => {
    const works = async (secret: string) => {
      const form = { grant_type: 'client_credentials', scope: 'openid' }
      return (
        (await post(`${app.issuer}/token`, form, { basic: ['web', secret] })).json.error !== 'invalid_client'
      )
    }
    const { stdout } = await run('client', 'secrets', 'replace', '--json', '--keep-days', '3', 'web')
    const secret = JSON.parse(stdout).client_secret
    // Said to the process that serves by a notice of the database.
    for (let tries = 0; tries < 100 && !(await works(secret)); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect([await works(secret), await works(RP_SECRET)]).to.deep.equal([true, true])
    expect((await run('client', 'secrets', 'list', 'web')).stdout).to.match(/^current .+\nformer .+ends /)
    expect((await run('client', 'secrets', 'revoke', 'web')).status).to.equal(0)
    expect([await works(secret), await works(RP_SECRET)]).to.deep.equal([true, false])
  })

  it('what cannot be read is said in a sentence', async () => {
    const none = await run('import', 'users', at('none.jsonl'))
    expect([none.status, none.stdout]).to.deep.equal([1, ''])
    expect(existsSync(at('none.jsonl'))).to.equal(false)
    writeFileSync(at('latin1.jsonl'), Buffer.from('{"email":"x@example.org","name":"Andr\xe9"}\n', 'latin1'))
    const latin = await run('import', 'users', at('latin1.jsonl'))
    expect(latin.status).to.equal(1)
    expect(latin.stderr).to.include('UTF-8')
    writeFileSync(at('cut.jsonl'), Buffer.from([0xe2, 0x82]))
    expect((await run('import', 'users', at('cut.jsonl'))).stderr, 'half a character').to.include('UTF-8')
    expect((await run('import', 'users', '--on-conflict', 'x', at('in.jsonl'))).status).to.equal(2)
  })
})
