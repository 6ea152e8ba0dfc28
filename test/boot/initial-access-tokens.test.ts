/** Letting apps register, as an operator does it: `ostiary initial-access-token`, on the embedded database. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ostiary } from '../support/command.ts'

describe('ostiary initial-access-token', function () {
  this.timeout(180_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-iat-'))
  const OSTIARY_SECRET_KEY = randomBytes(32).toString('base64')
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  const run = (...args: string[]) =>
    ostiary({ DATA_DIR: dataDir, OSTIARY_SECRET_KEY }, ['initial-access-token', ...args])

  it('explains itself, and refuses what it does not know', () => {
    expect(run('--help').stdout).to.match(/^Usage: ostiary initial-access-token /)
    for (const args of [
      ['creat', 'x'],
      ['create'],
      ['create', 'a', 'b'],
      ['create', 'a', '--uses', '-1'],
      ['create', 'a', '--days', '0'],
      ['create', 'a', '--profile', 'best'],
      ['revoke'],
      ['list', 'x'],
    ]) {
      const { status, stderr } = run(...args)
      expect(status, args.join(' ')).to.equal(2)
      expect(stderr).to.include('Usage: ostiary initial-access-token ')
    }
  })

  it('makes a token, shows its value once, lists and revokes it', () => {
    const made = run(
      'create',
      'the shop',
      '--uses',
      '5',
      '--redirect-hosts',
      'Shop.example.org, *.example.net',
    )
    expect(made.status, made.stderr).to.equal(0)
    const [, value = '', id = ''] = /^([\w-]{43})\n\n(iat_[0-9a-f]{32}) /.exec(made.stdout) ?? []
    expect(value, made.stdout).to.have.length(43)
    const listed = run('list').stdout
    expect(listed).to.include(`${id}  the shop  open  5 uses left  0 clients  until `)
    expect(listed)
      .to.include('{"redirectHosts":["shop.example.org","*.example.net"]}')
      .and.to.not.include(value)
    expect(run('revoke', id).stdout).to.equal(`${id} is revoked.\n`)
    expect(run('list').stdout).to.include('was revoked')
    const again = run('revoke', id)
    expect([again.status, again.stderr]).to.deep.equal([
      1,
      `Nothing was changed: there is no "${id}" that is not revoked; "list" shows what there is.\n`,
    ])
  })
})
