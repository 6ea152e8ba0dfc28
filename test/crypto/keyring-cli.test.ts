/** Changing keys as an operator does it: by settings and by `ostiary data-key`, on the embedded database. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ostiary } from '../support/command.ts'

const secret = () => randomBytes(32).toString('base64')

describe('ostiary data-key, and another OSTIARY_SECRET_KEY', function () {
  this.timeout(120_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-keys-'))
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  const run = (command: string, args: string[], settings: Record<string, string>) =>
    ostiary({ DATA_DIR: dataDir, ...settings }, [command, ...args])
  const [first, second] = [secret(), secret()]
  const former = { OSTIARY_SECRET_KEY: first }
  const changing = { OSTIARY_SECRET_KEY: second, OSTIARY_SECRET_KEY_PREVIOUS: first }
  const changed = { OSTIARY_SECRET_KEY: second }
  const when = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`

  it('explains itself, and refuses what it does not know', () => {
    const help = run('data-key', ['--help'], former)
    expect(help.status).to.equal(0)
    expect(help.stdout).to.match(/^Usage: ostiary data-key /)
    for (const args of [['lits'], ['--fore']]) {
      const { status, stderr } = run('data-key', args, former)
      expect(status).to.equal(2)
      expect(stderr).to.include(args[0]).and.to.include('Usage: ostiary data-key ')
    }
  })

  it('lists, rotates, and rotates again when nothing is in the way', () => {
    const { stdout } = run('data-key', ['list'], former)
    expect(stdout).to.match(new RegExp(`^data key 1 {2}current {2}since ${when} UTC\n$`))
    const rotated = run('data-key', ['rotate'], former)
    expect(rotated.stderr).to.equal('')
    expect(rotated.stdout).to.match(
      new RegExp(`^Data key 2 is in use.\n0 sealed values were sealed with it.
data key 1 {2}former {3}since ${when} UTC\ndata key 2 {2}current {2}since ${when} UTC\n$`),
    )
    expect(run('data-key', ['rotate'], former).stdout).to.match(
      /^data key 2 {2}former.*\ndata key 3 {2}current/m,
    )
  })

  it('does not start with another key, starts with both, and then with the new one alone', () => {
    const refused = run('setup-link', [], changed)
    expect(refused.status).to.equal(1)
    expect(refused.stderr).to.match(
      /^OSTIARY_SECRET_KEY is not the key this database was made with: data key 2 is wrapped/,
    )
    expect(refused.stderr).to.not.match(/^\s+at /m)
    for (const settings of [changing, changing, changed]) {
      const { status, stdout, stderr } = run('setup-link', [], settings)
      expect(status, stderr).to.equal(0)
      expect(stdout).to.match(/\/setup\/[\w-]{32}\n$/)
    }
    expect(run('setup-link', [], former).status).to.equal(1)
    const same = run('setup-link', [], { ...changed, OSTIARY_SECRET_KEY_PREVIOUS: second })
    expect(same.stderr).to.include('OSTIARY_SECRET_KEY_PREVIOUS: is the same as OSTIARY_SECRET_KEY')
  })
})
