/** Changing the keys that sign, as an operator does it: `ostiary key`, on the embedded database. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ostiary } from '../support/command.ts'

describe('ostiary key', function () {
  this.timeout(120_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-signing-'))
  const OSTIARY_SECRET_KEY = randomBytes(32).toString('base64')
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  const run = (...args: string[]) => ostiary({ DATA_DIR: dataDir, OSTIARY_SECRET_KEY }, ['key', ...args])

  /** [line, kid, state] as printed, and nothing but such lines. */
  function keysIn(stdout: string): [line: string, kid: string, state: string][] {
    return stdout
      .trimEnd()
      .split('\n')
      .map((text) => {
        const found = /^(\w+) +([\w-]{16}) {2}(\w+) +since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.exec(text)
        if (!found) throw new Error(`not a key: ${text}`)
        return [String(found[1]), String(found[2]), String(found[3])]
      })
  }
  const standing = (stdout: string) => keysIn(stdout).map(([line, , state]) => `${line} ${state}`)

  it('explains itself, and refuses what it does not know', () => {
    const help = run('--help')
    expect([help.status, help.stdout.slice(0, 18)]).to.deep.equal([0, 'Usage: ostiary key'])
    for (const args of [['rotat'], ['rotate', 'HS256'], ['revoke'], ['revoke', 'a', 'b'], ['--now']]) {
      const { status, stderr } = run(...args)
      expect(status, args.join(' ')).to.equal(2)
      expect(stderr).to.include(args[0]).and.to.include('Usage: ostiary key')
    }
  })

  it('rotates all lines or one, each once, and only what is offered', () => {
    const one = run('rotate', 'cookie')
    expect(one.stderr).to.equal('')
    expect(standing(one.stdout)).to.have.members([
      'cookie next',
      'cookie current',
      'ES256 current',
      'RS256 current',
    ])
    const all = run('rotate')
    expect(standing(all.stdout)).to.have.members([
      'cookie next',
      'cookie current',
      'ES256 next',
      'ES256 current',
      'RS256 next',
      'RS256 current',
    ])
    const again = run('rotate')
    expect(again.stderr).to.equal('Nothing was changed: the next keys are on their way already.\n')
    expect(again.stdout).to.equal(all.stdout)
    const absent = run('rotate', 'PS256')
    expect([absent.status, absent.stderr]).to.deep.equal([
      1,
      'Nothing was changed: PS256 is not offered; SIGNING_ALGORITHMS says what is.\n',
    ])
  })

  it('revokes one key: its successor is current at once', () => {
    const before = keysIn(run('list').stdout)
    const kidOf = (state: string) =>
      String(before.find(([line, , is]) => line === 'ES256' && is === state)?.[1])
    const { status, stdout } = run('revoke', kidOf('current'), '--yes')
    expect(status).to.equal(0)
    expect(keysIn(stdout).filter(([line]) => line === 'ES256')).to.have.deep.members([
      ['ES256', kidOf('next'), 'current'],
      ['ES256', kidOf('current'), 'retired'],
    ])
    const again = run('revoke', kidOf('current'), '--yes')
    expect(again.status).to.equal(1)
    expect(again.stderr).to.equal(`Nothing was changed: no key "${kidOf('current')}" is in use.\n`)
    expect(run('list').stdout).to.equal(stdout)
  })
})
