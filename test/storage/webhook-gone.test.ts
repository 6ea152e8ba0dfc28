/** An endpoint that is deleted while something is recorded that it asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type SqlInstance, sqlBackends } from '../support/backends.ts'

describe('a webhook that is deleted at this moment', () => {
  let stores: SqlInstance & { dispose(): Promise<void> }
  before(async () => {
    const postgres = sqlBackends.find(({ name }) => name === 'postgres')
    stores = (await postgres?.fresh()) as typeof stores
  })
  after(() => stores?.dispose())

  it('keeps nothing from being recorded, and the others are told', async () => {
    const { webhooks, audit } = stores.database
    const settings = { url: 'https://a.example', events: ['*'], description: '', personal: false }
    for (const id of ['goes', 'stays']) await webhooks.insert(id, settings, { current: 'whsec_' })
    let recorded: Promise<void> | undefined
    await stores.database.transaction(async (repositories) => {
      await repositories.webhooks.delete('goes')
      recorded = audit.append({ name: 'user.signed_in', outcome: 'success', request: undefined })
      recorded.catch(() => {})
      await sleep(200)
    })
    await recorded
    const told = await stores.connection.knex('webhook_deliveries').pluck('webhook_id')
    expect(told).to.deep.equal(['stays'])
  })
})
