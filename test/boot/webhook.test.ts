/** `ostiary webhook` as an operator runs it, on the embedded database of a process that has stopped. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ostiary } from '../support/command.ts'

describe('ostiary webhook', function () {
  this.timeout(480_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-webhook-'))
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  const webhook = (...args: string[]) =>
    ostiary({ DATA_DIR: dataDir, OUTBOUND_ALLOW: 'http://127.0.0.1:9' }, ['webhook', ...args])
  const json = (...args: string[]) => JSON.parse(webhook(...args, '--json').stdout)

  it('makes one, has it tested, and takes it away', () => {
    const inside = webhook('create', 'https://127.0.0.1/hook')
    expect(inside.status).to.equal(1)
    expect(inside.stderr).to.include('not on the public internet')
    const { id, secret } = json('create', 'http://127.0.0.1:9/hook', '--events', 'user.*,role.given')
    expect(secret).to.match(/^whsec_/)
    expect(json('list').items[0]).to.deep.include({ id, events: ['user.*', 'role.given'], enabled: true })
    const changed = json('update', id, '--events', 'client.*', '--personal')
    expect(changed).to.deep.include({ events: ['client.*'], personal: true, url: 'http://127.0.0.1:9/hook' })
    expect(webhook('update', id, '--json').status, 'nothing to change').to.equal(2)
    expect(webhook('update', id, '--events', 'no such event').status).to.equal(1)
    const { delivery } = json('test', id)
    expect(json('deliveries', id).items[0]).to.deep.include({
      id: delivery,
      type: 'webhook.test',
      state: 'waiting',
    })
    expect(json('rotate-secret', id).secret).to.not.equal(secret)
    expect(webhook('replay', id).status).to.equal(2)
    expect(webhook('deliveries', 'whk_nobody').status, 'not "Nothing."').to.equal(1)
    expect(json('replay', id, '--since', '2020-01-01')).to.deep.equal({ replayed: 0 })
    expect(webhook('delete', id).status, 'not unasked').to.equal(2)
    expect(webhook('delete', id, '--yes').status).to.equal(0)
    expect(webhook('list').stdout).to.equal('There are none.\n')
  })
})
