/** `ostiary plan`, `ostiary apply` and `ostiary export config` as an operator and as a script run them. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'

describe('ostiary plan and apply', function () {
  this.timeout(300_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-plan-'))
  const file = join(folder, 'ostiary.yaml')
  const secret = 'a secret that is only in the environment, 0123456789'
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  before(async () => {
    database = await newPostgresDatabase()
  })
  after(async () => {
    await database?.drop()
    rmSync(folder, { recursive: true, force: true })
  })
  const key = randomBytes(32).toString('base64')
  const run = (words: string[], more: Record<string, string> = {}) =>
    ostiary(
      {
        DATA_DIR: join(folder, 'data'),
        DATABASE_URL: database.url,
        OSTIARY_SECRET_KEY: key,
        REPORTS_SECRET: secret,
        ...more,
      },
      words,
    )

  it('plan with exit code 3, ask, apply, and find nothing more to do', () => {
    writeFileSync(
      file,
      'clients:\n  reports:\n    grant_types: [client_credentials]\n    redirect_uris: []\n    response_types: []\n    secret: { env: REPORTS_SECRET }\n',
    )
    const planned = run(['plan', file])
    expect([planned.stderr, planned.status]).to.deep.equal(['', 3])
    expect(planned.stdout)
      .to.match(/^\+ client reports\n/)
      .and.to.include('1 to add, 0 to change, 0 to delete.\n')
    const asked = run(['apply', file])
    expect([asked.status, asked.stdout]).to.deep.equal([2, ''])
    expect(asked.stderr)
      .to.match(/^\+ client reports\n/)
      .and.to.include('This is changed now, for every process. Add --yes to do it.')
    const applied = run(['apply', file, '--yes'])
    expect([applied.status, applied.stdout]).to.deep.equal([0, 'Done.\n'])
    const after = run(['plan', file, '--json'])
    expect([after.status, JSON.parse(after.stdout)]).to.deep.equal([0, { steps: [], left: [] }])
    for (const { stdout, stderr } of [planned, asked, applied, after])
      expect(stdout + stderr).to.not.include(secret)
  })

  it('export what they find nothing to do for', () => {
    const exported = run(['export', 'config'])
    expect(exported.status, exported.stderr).to.equal(0)
    expect(exported.stdout)
      .to.match(/^# What "ostiary plan FILE" would find/)
      .and.to.include('reports:')
    const again = join(folder, 'exported.yaml')
    writeFileSync(again, exported.stdout)
    expect(run(['plan', again])).to.deep.include({ status: 0, stdout: 'Nothing to do.\n' })
  })

  it('refuse with the line, and a schema shows editors what there is', () => {
    writeFileSync(file, 'clients:\n  reports:\n    redirect_uri: []\n')
    const refused = run(['plan', file])
    expect([refused.status, refused.stdout]).to.deep.equal([1, ''])
    expect(refused.stderr).to.equal(
      `${file}:3:5: there is no "redirect_uri" here; did you mean "redirect_uris"?\n`,
    )
    expect(run(['plan'])).to.deep.include({ status: 2, stdout: '' })
    expect(run(['plan', join(folder, 'nowhere.yaml')]).stderr).to.include(
      'nowhere.yaml cannot be read (ENOENT).',
    )
    const schema = JSON.parse(run(['plan', '--schema']).stdout)
    expect(schema.properties).to.include.keys('clients', 'resource_servers', 'authorization_types')
  })
})
