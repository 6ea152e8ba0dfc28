/** `ostiary audit` as an operator runs it, on the embedded database of a process that has stopped. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { ostiary } from '../support/command.ts'

describe('ostiary audit', function () {
  this.timeout(120_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-audit-'))
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  const settings = { DATA_DIR: dataDir }
  const audit = (...args: string[]) => ostiary(settings, ['audit', ...args])

  it('explains itself, and refuses what it does not know', () => {
    expect(audit('--help').stdout).to.match(/^Usage: ostiary audit /)
    for (const [args, words] of [
      [[], 'Commands:'],
      [['verfy'], "unknown command 'verfy'"],
      [['verify', '--since', 'yesterday'], '--since takes what an earlier check printed'],
    ] as const) {
      const { status, stderr } = audit(...args)
      expect(status).to.equal(2)
      expect(stderr).to.include(words).and.to.include('Usage: ostiary audit')
    }
  })

  it('finds nothing, and then what was done', async () => {
    expect(ostiary(settings, ['key', 'rotate', 'ES256']).status).to.equal(0)
    const fresh = audit('verify')
    expect(fresh.stderr).to.equal('')
    expect(fresh.status).to.equal(0)
    expect(fresh.stdout).to.match(
      /^0 records in the chain, 0 signatures, [1-9]\d* records not linked yet\nNothing was changed/,
    )
    const database = await connectPglite({ dataDir })
    await database.knex.raw(`insert into audit_events (name, outcome) values ('user.deleted', 'success')`)
    await database.close()
    const found = audit('verify', '--json')
    expect(found.status).to.equal(3)
    const { findings } = JSON.parse(found.stdout)
    expect(findings).to.have.length(1)
    expect(findings[0].kind).to.equal('forged')
    expect(audit('verify').stdout).to.match(/^FORGED: record \d+ was not made by Ostiary/m)
    expect(JSON.parse(audit('keys').stdout)).to.deep.equal({ keys: [] })
  })

  it('lists the records, writes them to a file, and checks that without a database', () => {
    const listed = JSON.parse(audit('list', '--name', 'signing_key.added', '--limit', '5', '--json').stdout)
    expect(listed.items.length).to.be.within(1, 5)
    expect(listed.items[0].name).to.equal('signing_key.added')
    expect(audit('list', '--since', '2999-01-01').stdout).to.equal('Nothing was recorded.\n')
    expect(audit('list', '--since', 'soon').status).to.equal(2)

    const file = join(dataDir, 'audit.ndjson')
    const written = audit('export', file)
    expect(written.status, written.stderr).to.equal(0)
    expect(written.stdout, 'the one that somebody put in').to.include('1 records have no link yet')
    const whole = ostiary({ DATA_DIR: '/nowhere' }, ['audit', 'verify', '--file', file])
    expect(whole.status, whole.stderr).to.equal(0)
    expect(whole.stdout).to.include('Nothing was changed')
    expect(whole.stdout).to.match(/^\S+: [1-9]\d* links, .*, up to link [1-9]/)
    const names = readFileSync(file, 'utf8')
    expect(names).to.include('"name":"signing_key.added"').and.to.include('"name":"audit.exported"')
    expect(names).to.not.include('user.deleted')
    const keys = join(dataDir, 'keys.json')
    writeFileSync(keys, audit('keys', '--json').stdout)
    expect(audit('verify', '--file', file, '--keys', keys).stdout).to.not.include(
      'the keys in the file itself',
    )
    for (const wrong of ['{}', '[]', 'none']) {
      writeFileSync(keys, wrong)
      const { status, stderr } = audit('verify', '--file', file, '--keys', keys)
      expect([status, stderr], wrong).to.match(/^1,\S+keys\.json is not what "audit keys" printed/)
    }
    expect(audit('verify', '--file', join(dataDir, 'nowhere')).stderr).to.include('nowhere cannot be checked')
    const before = audit('list', '--name', 'audit.exported', '--json').stdout
    expect(audit('export', file).stderr).to.include('is there already; nothing was written')
    expect(audit('list', '--name', 'audit.exported', '--json').stdout, 'nothing left').to.equal(before)
    const [first] = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, `${first}\n`)
    const cut = audit('verify', '--file', file)
    expect(cut.status).to.equal(3)
    expect(cut.stdout).to.match(/^CUT OFF: /m)
    expect(audit('list', '--name', 'audit.exported').stdout).to.include('by=cli')
  })

  it('checks a file with the keys that were given and no others', () => {
    const file = join(dataDir, 'audit-2.ndjson')
    expect(audit('export', file).status).to.equal(0)
    const keys = join(dataDir, 'keys.json')
    writeFileSync(keys, audit('keys').stdout)
    expect(audit('verify', '--file', file, '--keys', keys).status).to.equal(0)
    for (const slip of [
      ['--file', file, '--since', `1:${'x'.repeat(43)}`],
      ['--keys', keys],
    ])
      expect(audit('verify', ...slip).status, slip.join(' ')).to.equal(2)
  })
})
