/** `ostiary role` and `ostiary application-role` as an operator runs them, on a database of their own. */
import { expect } from 'chai'
import { ostiary, settingsOf } from '../support/command.ts'
import { createPerson } from '../support/people.ts'
import { JANE } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('ostiary role', function () {
  this.timeout(300_000)
  let app: RunningApp
  before(async () => {
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [webClient()] } })
    await createPerson(app, JANE)
  })
  after(() => app?.close())
  const run = (...words: string[]) => ostiary(settingsOf(app), words)
  const json = (...words: string[]) => {
    const { status, stdout, stderr } = run(...words, '--json')
    expect([status, stderr], words.join(' ')).to.deep.equal([0, ''])
    return JSON.parse(stdout)
  }
  const refused = (...words: string[]) => {
    const { status, stderr } = run(...words, '--json')
    return [status, JSON.parse(stderr).error.code]
  }

  it('makes, changes, gives, takes and deletes roles of the deployment', () => {
    const made = json('role', 'create', 'desk', '--allow', 'users:read,sessions:write')
    expect(made.at(-1)).to.deep.include({ name: 'desk', permissions: ['users:read', 'sessions:write'] })
    expect(json('role', 'update', 'desk', '--allow', 'users:read').at(-1).permissions).to.deep.equal([
      'users:read',
    ])
    expect(json('role', 'give', 'jane@example.org', 'desk').roles).to.deep.equal(['desk'])
    expect(refused('role', 'delete', 'desk')).to.deep.equal([1, 'role_in_use'])
    expect(refused('role', 'give', 'jane@example.org', 'emperor')).to.deep.equal([1, 'not_found'])
    expect(refused('role', 'update', 'owner', '--allow', 'users:read')).to.deep.equal([1, 'built_in_role'])
    expect(refused('role', 'create', 'odd', '--allow', 'users:fly')).to.deep.equal([2, 'usage'])
    expect(refused('role', 'delete', 'desk', '--force'), 'not unasked').to.deep.equal([2, 'usage'])
    expect(json('role', 'give', 'jane@example.org', 'owner').roles).to.deep.equal(['desk', 'owner'])
    expect(refused('role', 'take', 'jane@example.org', 'owner')).to.deep.equal([1, 'last_owner'])
    json('role', 'delete', 'desk', '--force', '--yes')
    expect(json('role', 'list').map(({ name }: { name: string }) => name)).to.deep.equal([
      ...['owner', 'admin', 'support', 'auditor'],
    ])
    const record = run('role', 'list')
    expect(record.stdout).to.include('auditor  (built in)\n  users:read')
  })

  it('keeps the roles inside an application', () => {
    expect(json('application-role', 'create', 'web', 'editor', '--description', 'Writes')).to.deep.equal([
      { name: 'editor', description: 'Writes' },
    ])
    expect(json('application-role', 'give', 'jane@example.org', 'web', 'editor')).to.deep.equal([
      { clientId: 'web', name: 'editor' },
    ])
    const other = ['--description', 'Writes and corrects']
    expect(json('application-role', 'update', 'web', 'editor', ...other)).to.deep.equal([
      { name: 'editor', description: 'Writes and corrects' },
    ])
    expect(refused('application-role', 'update', 'web', 'reader', ...other)).to.deep.equal([1, 'not_found'])
    expect(refused('application-role', 'create', 'web', ' odd')).to.deep.equal([2, 'usage'])
    expect(refused('application-role', 'delete', 'web', 'editor')).to.deep.equal([1, 'role_in_use'])
    expect(refused('application-role', 'list', 'none')).to.deep.equal([1, 'not_found'])
    expect(json('application-role', 'take', 'jane@example.org', 'web', 'editor')).to.deep.equal([])
    expect(json('application-role', 'delete', 'web', 'editor')).to.deep.equal([])
  })
})
