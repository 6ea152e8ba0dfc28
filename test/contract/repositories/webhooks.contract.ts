import { expect } from 'chai'
import type { AuditEventName } from '../../../src/domain/audit/events.ts'
import type { WebhookSettings } from '../../../src/domain/webhooks/webhook.ts'
import type { SqlInstance } from '../../support/backends.ts'
import { token } from '../../support/samples.ts'

export function webhooksContract(instance: () => SqlInstance): void {
  const webhooks = () => instance().database.webhooks
  const secrets = { current: 'whsec_one' }
  afterEach(async () => {
    for (const { id } of await webhooks().list()) await webhooks().delete(id)
    await instance().connection.knex('outbox').where({ kind: 'webhook' }).delete()
  })

  async function add(settings: Partial<WebhookSettings> = {}): Promise<string> {
    const id = token('whk_')
    const given = { url: 'https://a.example', events: ['*'], description: '', personal: false, ...settings }
    await webhooks().insert(id, given, secrets)
    return id
  }
  const happens = (name: AuditEventName) =>
    instance().database.audit.append({ name, outcome: 'success', request: undefined })
  const told = async (webhookId: string) =>
    (await webhooks().deliveries({ webhookId, limit: 50 })).items.map(({ type }) => type)
  const claimed = () => instance().database.outbox.claim('webhook', 100, 60)

  it('are told what they asked for, by name, by group, or all of it', async () => {
    const [all, group, one, off] = await Promise.all([
      add(),
      add({ events: ['user.*'] }),
      add({ events: ['role.given', 'role.taken'] }),
      add(),
    ])
    await webhooks().change(off, undefined, { enabled: false })
    await happens('user.created')
    await happens('role.given')
    expect(await told(all)).to.have.members(['user.created', 'role.given'])
    expect(await told(group)).to.deep.equal(['user.created'])
    expect(await told(one)).to.deep.equal(['role.given'])
    expect(await told(off)).to.deep.equal([])
  })

  it('have one delivery in hand at a time', async () => {
    const [first, second] = [await add(), await add()]
    await happens('user.created')
    await happens('user.created')
    const rows = await instance().database.outbox.claim('webhook', 1, 60)
    const busy = rows.map(({ job }) => job.webhookId)
    const next = await instance().database.outbox.claim('webhook', 10, 60, busy)
    expect(new Set(next.map(({ job }) => job.webhookId))).to.deep.equal(
      new Set([first, second].filter((id) => !busy.includes(id))),
    )
  })

  it('change in the version that was seen, and how it goes with them is no change', async () => {
    const id = await add()
    const before = await webhooks().find(id)
    await happens('user.created')
    const [delivery] = (await webhooks().deliveries({ webhookId: id, limit: 1 })).items
    await webhooks().tried(delivery!, { state: 'waiting', status: 500, latencyMs: 3 })
    const failing = await webhooks().find(id)
    expect(failing?.version).to.equal(before?.version)
    expect(failing?.failingSince).to.be.instanceOf(Date)
    expect(await webhooks().failsFor(id, 1)).to.equal(false)
    await webhooks().tried(delivery!, { state: 'delivered', status: 200, latencyMs: 3 })
    expect((await webhooks().find(id))?.failingSince).to.equal(undefined)
    expect(await webhooks().delivery(delivery!.id)).to.deep.include({
      state: 'delivered',
      attempts: 2,
      status: 200,
    })
    expect(await webhooks().change(id, before?.version, { description: 'new' })).to.equal(true)
    expect(await webhooks().change(id, before?.version, { description: 'late' })).to.equal(false)
    expect((await webhooks().find(id))?.description).to.equal('new')
  })

  it('are sent again what failed, and nothing that waits', async () => {
    const id = await add()
    await happens('user.created')
    await happens('role.given')
    for (const { id: row } of await claimed()) await instance().database.outbox.done(row)
    const { items } = await webhooks().deliveries({ webhookId: id, limit: 10 })
    await webhooks().tried(items[0]!, { state: 'failed', error: 'x'.repeat(1000) })
    const since = new Date(Date.now() - 60_000)
    expect(await webhooks().replay(id, { since: new Date(Date.now() + 60_000) })).to.equal(0)
    expect(await webhooks().replay(id, { deliveryId: items[1]!.id }), 'it waits').to.equal(0)
    expect(await webhooks().replay('another', { since })).to.equal(0)
    expect(await webhooks().replay(id, { since })).to.equal(1)
    expect((await claimed()).map(({ job }) => job.deliveryId)).to.deep.equal([items[0]!.id])
  })

  it('keep their secret sealed, and take their deliveries along', async () => {
    const id = await add()
    expect(await webhooks().secrets(id)).to.deep.equal(secrets)
    await webhooks().setSecrets(id, { current: 'whsec_two' })
    expect(await webhooks().secrets(id)).to.deep.equal({ current: 'whsec_two' })
    const { rows } = await instance().connection.knex.raw('select t::text as text from webhooks t')
    expect(rows[0].text).to.not.include('whsec')
    const test = await webhooks().addTest(id, 'webhook.test')
    expect(await webhooks().delete(id)).to.equal(true)
    expect(await webhooks().delivery(test)).to.equal(undefined)
    expect(await webhooks().delete(id)).to.equal(false)
  })
}
