import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { token } from '../../support/samples.ts'

export function auditContract(instance: () => SqlInstance): void {
  const { append } = {
    append: (event: Parameters<SqlInstance['database']['audit']['append']>[0]) =>
      instance().database.audit.append(event),
  }
  const rows = (requestId: string) =>
    instance().connection.knex('audit_events').where({ request_id: requestId }).orderBy('id')

  it('records who, what, whence and how it ended', async () => {
    const id = token()
    await append({
      name: 'user.signed_in',
      outcome: 'success',
      userId: 'usr_1',
      clientId: 'app',
      request: { id, ip: '2001:db8::1', userAgent: 'Lynx' },
      detail: { method: 'password', attempt: 2, remembered: true },
    })
    const [row] = await rows(id)
    expect(row).to.deep.include({
      name: 'user.signed_in',
      outcome: 'success',
      user_id: 'usr_1',
      client_id: 'app',
      ip: null,
      user_agent: null,
      detail: { method: 'password', attempt: 2, remembered: true },
    })
    const { items } = await instance().database.trail.list({ userId: 'usr_1', limit: 1 })
    expect(items[0], 'of somebody who is not there: nobody keeps the key').to.deep.include({ ip: undefined })
    expect(row.id).to.be.a('number')
    expect(row.created_at).to.be.instanceOf(Date)
  })

  it('records whatever strangers send', async () => {
    const id = token()
    await append({
      name: 'user.sign_in_failed',
      outcome: 'failure',
      request: { id, ip: 'x', userAgent: `a\0\ud800${'b'.repeat(100_000)}` },
      detail: { identifier: '\0\udfff' },
    })
    await append({ name: 'setup.completed', outcome: 'success', request: undefined })
    expect(await rows(id)).to.have.length(1)
  })

  it('shows the origin of a request that nobody is known to have made', async () => {
    const id = token()
    await append({
      ...{ name: 'user.sign_in_failed', outcome: 'failure' },
      request: { id, ip: '2001:db8::2', userAgent: 'Lynx' },
    })
    const { items } = await instance().database.trail.list({ limit: 1 })
    expect(items[0]).to.deep.include({ requestId: id, ip: '2001:db8::2', userAgent: 'Lynx', personal: {} })
  })

  it('refuses to change a record', async () => {
    const id = token()
    await append({
      name: 'user.signed_out',
      outcome: 'success',
      request: { id, ip: 'x', userAgent: undefined },
    })
    const changed = await instance()
      .connection.knex('audit_events')
      .where({ request_id: id })
      .update({ outcome: 'failure' })
      .catch((error: Error) => error)
    expect(changed).to.be.instanceOf(Error).with.property('message').that.includes('append-only')
  })
}
