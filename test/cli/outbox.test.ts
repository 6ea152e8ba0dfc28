/** `ostiary outbox` as an operator runs it. */
import { expect } from 'chai'
import { ostiary, settingsOf } from '../support/command.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { type Sql, sqlOf } from '../support/stored-rows.ts'

describe('ostiary outbox', function () {
  this.timeout(300_000)
  let app: RunningApp
  let sql: Sql
  before(async () => {
    app = await startApp({ stack: 'postgres+redis' })
    sql = await sqlOf(app)
    for (const clientId of ['one', 'two'])
      await sql.query(
        `insert into outbox (job, attempts, last_error, dead_at) values ($1, 9, 'no such host', now())`,
        [JSON.stringify({ kind: 'backchannel-logout', clientId, accountId: 'usr_secretive' })],
      )
  })
  after(async () => {
    await sql?.close()
    await app?.close()
  })
  const run = (...words: string[]) => ostiary(settingsOf(app), ['outbox', ...words])

  it('lists what was given up without what it says, and drops one or all, when told twice', async () => {
    const listed = run('list')
    expect([listed.status, listed.stderr]).to.deep.equal([0, ''])
    expect(listed.stdout).to.include('backchannel-logout  one').and.to.include('9 tries  no such host')
    expect(listed.stdout).to.not.include('usr_secretive')
    const [{ id }] = JSON.parse(run('list', '--json').stdout)
    expect(run('discard', id).status, 'not unasked').to.equal(2)
    expect(run('discard', id, '--yes').stdout).to.equal('1 dropped.\n')
    expect(run('discard', id, '--yes').status, 'it is gone').to.equal(1)
    expect(JSON.parse(run('replay', 'backchannel-logout', '--json').stdout)).to.deep.equal({ count: 1 })
    expect(run('list').stdout).to.equal('Everything was delivered, or is on its way.\n')
    const records = await sql.query<{ name: string; detail: object }>(
      `select name, detail from audit_events where name like 'outbox.%' order by id`,
    )
    expect(records.map(({ name, detail }) => [name, detail])).to.deep.equal([
      ['outbox.discarded', { by: 'cli', id, kind: 'backchannel-logout', count: 1 }],
      ['outbox.replayed', { by: 'cli', kind: 'backchannel-logout', count: 1 }],
    ])
  })
})
