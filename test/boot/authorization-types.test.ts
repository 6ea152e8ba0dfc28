/** `ostiary authorization-type` and the file of types as an operator uses them, on the embedded database. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { TYPES, typesFile } from '../support/authorization-types.ts'
import { ChildApp } from '../support/child-app.ts'
import { ostiary } from '../support/command.ts'

describe('ostiary authorization-type', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-types-'))
  const right = typesFile()
  const wrong = typesFile([{ ...TYPES[0], template: 'pay {{nobody}}' }])
  const settings = { DATA_DIR: join(folder, 'data'), AUTHORIZATION_DETAILS_FILE: right.path }
  after(() => {
    right.remove()
    wrong.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const command = (...args: string[]) => ostiary(settings, ['authorization-type', ...args])

  it('lists what the last start registered', async () => {
    const app = await ChildApp.start(settings)
    await app.dispose()
    const { status, stdout, stderr } = command('list')
    expect([status, stderr]).to.deep.equal([0, ''])
    expect(stdout).to.include('payment_initiation (active): A payment\n  pay {{instructedAmount | money}}')
    expect(stdout).to.include('retired (disabled)')
    expect(JSON.parse(command('list', '--json').stdout)).to.have.length(TYPES.length)
  })

  it('checks a file, and says what is wrong in it', () => {
    expect(command('check', right.path).stdout).to.include('is right: payment_initiation')
    const { status, stderr } = command('check', wrong.path)
    expect(status).to.equal(1)
    expect(stderr).to.include(wrong.path).and.to.include('the schema has no field "nobody"')
    expect(command('check').status).to.equal(2)
    expect(command('--help').stdout).to.match(/^Usage: ostiary authorization-type /)
  })

  it('a start with such a file is refused in the same words', async () => {
    const app = new ChildApp({ ...settings, AUTHORIZATION_DETAILS_FILE: wrong.path })
    expect(await app.exited()).to.equal(1)
    expect(app.stdout + app.stderr).to.include('the schema has no field "nobody"')
    await app.dispose()
  })
})
