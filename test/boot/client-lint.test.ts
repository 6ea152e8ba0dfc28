/** `ostiary client lint` as an operator runs it, on the embedded database. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ChildApp } from '../support/child-app.ts'
import { ostiary } from '../support/command.ts'
import { publicClient, webClient } from '../support/relying-party.ts'

describe('ostiary client lint', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-lint-'))
  const settings = { DATA_DIR: join(folder, 'data'), CLIENTS_FILE: join(folder, 'clients.json') }
  after(() => rmSync(folder, { recursive: true, force: true }))

  before(async () => {
    const clients = [webClient(), publicClient({ redirect_uris: ['https://app.example/cb'] })]
    writeFileSync(settings.CLIENTS_FILE, JSON.stringify({ clients }))
    const app = await ChildApp.start(settings)
    await app.dispose()
  })

  const lint = (...args: string[]) => ostiary(settings, ['client', 'lint', ...args])

  it('says what is weak and what mends it, worst first', () => {
    const { status, stdout, stderr } = lint()
    expect(stderr).to.equal('')
    expect(status).to.equal(0)
    expect(stdout).to.match(
      /^spa:\n {2}warning {2}a public client keeps refresh tokens .*\n +-> set dpop_bound/m,
    )
    expect(stdout).to.match(/^web:\n {2}warning .*\n +-> take http:\/\/localhost out/m)
  })

  it('looks at the clients that are named, for programs too, and can be strict', () => {
    const { status, stdout } = lint('--json', '--strict', 'spa')
    const found = JSON.parse(stdout) as { clientId: string; weaknesses: { code: string }[] }[]
    expect(found.map(({ clientId }) => clientId)).to.deep.equal(['spa'])
    expect(found[0]?.weaknesses.map(({ code }) => code)).to.include('public-bearer-refresh')
    expect(status).to.equal(3)
  })

  it('refuses what it does not know', () => {
    const unknown = lint('nobody')
    expect(unknown.status).to.equal(1)
    expect(unknown.stderr).to.include('there is no client nobody')
    expect(lint('--srtict').status).to.equal(2)
    expect(lint('--help').stdout).to.match(/^Usage: ostiary client lint /)
  })
})
