/** The record of events for who looks into it: filtered, taken away as a file that stands by itself, checked. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { auditLedger } from '../../src/app-parts.ts'
import { AuditKeys, digestOf, isSignedBy } from '../../src/crypto/audit-keys.ts'
import { checkExport } from '../../src/domain/audit/export.ts'
import { AuditRetention } from '../../src/domain/audit/retention.ts'
import { audited, type Caller, newCaller } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'

const AUDIT = '/api/v1/admin/audit'
const options = { people: [], overrides: { clients: [webClient()] } }
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')

interface Line {
  export?: { keys: { kid: string }[]; after: { seq: number } | null }
  link?: { seq: number; recordId: string; digest: string; hash: string }
  content?: string
  event?: { ip?: string; name: string }
  checkpoint?: { seq: number; hash: string; signedAt: string; kid: string; signature: string }
}

onEveryStack('the record of events by the API', options, (app) => {
  let auditor: Caller
  let admin: Caller
  before(async function () {
    this.timeout(60_000)
    auditor = await newCaller(app, 'auditor', ['auditor'])
    admin = await newCaller(app, 'admin', ['admin'])
    const path = `/api/v1/admin/users/${auditor.userId}`
    await admin.send('PATCH', path, { email: 'checker@example.org' }, { 'if-match': '*' })
    await auditLedger(app.app.storage).link()
  })

  const taken = async (query = '') => {
    const { status, text, headers } = await auditor.get(`${AUDIT}/export${query}`)
    expect(status, text).to.equal(200)
    expect(headers.get('content-type')).to.include('application/x-ndjson')
    return text
  }
  const linesOf = (text: string): Line[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  const check = (text: string, keys?: Record<string, unknown>[]) =>
    checkExport(Readable.from(text.trim().split('\n')), { digest: digestOf, verify: isSignedBy }, keys)

  it('is filtered by who did it, whoever it was done to', async () => {
    const names = async (query: string) =>
      (await auditor.get(`${AUDIT}?${query}&limit=200`)).json.items.map(({ name }: { name: string }) => name)
    expect(await names(`actor_id=${admin.userId}`)).to.include.members(['user.updated', 'user.signed_in'])
    expect(await names(`user_id=${admin.userId}`)).to.not.include('user.updated')
    expect(await names(`actor_id=${auditor.userId}`)).to.not.include('user.updated')
    const { json } = await auditor.get(`${AUDIT}?name=user.updated`)
    expect(json.items[0].personal).to.deep.equal({
      email_before: 'auditor@example.org',
      email: 'checker@example.org',
    })
  })

  it('is taken away as a file that anybody can check with nothing but SHA-256 and Ed25519', async () => {
    const lines = linesOf(await taken())
    const keys = lines[0]?.export?.keys as { kid: string }[]
    let hash = 'ostiary audit chain 1'
    let signed = 0
    for (const { link, content, checkpoint } of lines) {
      if (link) {
        expect(link.digest).to.equal(sha256(String(content)))
        hash = sha256([hash, link.seq, link.recordId, link.digest].join('\n'))
        expect(link.hash).to.equal(hash)
      }
      if (!checkpoint) continue
      const { seq, signedAt, kid, signature } = checkpoint
      const key = createPublicKey({ key: keys.find((one) => one.kid === kid) as never, format: 'jwk' })
      const text = ['ostiary audit checkpoint 1', seq, hash, signedAt].join('\n')
      expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))).to.equal(true)
      signed += 1
    }
    expect(signed).to.equal(1)
    const [record] = await audited(app, 'audit.exported')
    expect(record?.detail).to.deep.include({ by: auditor.userId, personal: false })
  })

  it('shows no address in it unless asked to', async () => {
    const plain = await taken()
    for (const clear of ['127.0.0.1', '::1"', 'checker@example.org']) expect(plain).to.not.include(clear)
    const open = linesOf(await taken('?personal=true'))
    expect(open.find(({ event }) => event?.name === 'user.signed_in')?.event?.ip).to.match(/127\.0\.0\.1|::1/)
  })

  it('is found out when a line of it was edited, dropped, swapped or put in, or its end is missing', async () => {
    const text = await taken()
    const whole = await check(text)
    expect(whole.findings).to.deep.equal([])
    expect(whole.links).to.be.above(3)
    expect(whole.signedUpTo).to.equal(whole.links)
    const lines = text.trim().split('\n')
    const kinds = async (changed: string[]) =>
      new Set((await check(changed.join('\n'))).findings.map(({ kind }) => kind))
    expect(await kinds(lines.map((line) => line.replace('user.updated', 'user.deleted')))).to.include(
      'changed',
    )
    const told = (change: object) =>
      lines.map((line) => {
        const { event, ...rest } = JSON.parse(line)
        return JSON.stringify(
          event?.name === 'user.updated' ? { ...rest, event: { ...event, ...change } } : JSON.parse(line),
        )
      })
    expect(await kinds(told({}))).to.deep.equal(new Set())
    for (const change of [
      { name: 'user.deleted' },
      { userId: 'usr_other' },
      { detail: { by: 'cli' } },
      { at: '2020-01-01T00:00:00.000Z' },
    ])
      expect(await kinds(told(change)), 'what people read').to.deep.equal(new Set(['changed']))
    const garbled = lines.map((line) => {
      const { content, ...rest } = JSON.parse(line)
      return JSON.stringify(content === undefined ? rest : { content: 'x', ...rest })
    })
    expect(await kinds(garbled)).to.include('changed')
    expect(await kinds(lines.toSpliced(2, 1))).to.include('broken')
    const swapped = lines.with(2, String(lines[3])).with(3, String(lines[2]))
    expect(await kinds(swapped)).to.include('broken')
    expect(await kinds(lines.toSpliced(3, 0, String(lines[3])))).to.include('broken')
    expect(await kinds(lines.slice(0, -2))).to.deep.equal(new Set(['cut off']))
    const bare = lines.map((line, index) => {
      const { content, event, ...link } = JSON.parse(line)
      return index === 2 ? JSON.stringify(link) : line
    })
    expect(await kinds(bare)).to.include('missing')
    const refusal = async (changed: string[]) =>
      check(changed.join('\n')).then(
        () => 'none',
        (error: Error) => error.message,
      )
    const { link } = JSON.parse(String(lines[4]))
    const anew = { export: { ...JSON.parse(String(lines[0])).export, after: link } }
    // Two are left out, and what follows goes on from where the second header says.
    const bridged = lines.toSpliced(3, 2, JSON.stringify(anew))
    expect(await refusal(bridged)).to.equal('the file holds more than one export: check each by itself')
    expect((await check([JSON.stringify(anew), ...lines.slice(5)].join('\n'))).after).to.equal(link.seq)
    expect(await refusal(lines.with(2, 'null'))).to.equal('the file holds a line that is no JSON object')
    const foreign = await check(text, [{ ...linesOf(text)[0]?.export?.keys[0], kid: 'another' }])
    expect(foreign.findings.map(({ kind }) => kind)).to.deep.equal(['bad signature'])
  })

  it('goes on from a link; and all of it is checked on demand', async () => {
    // That of this export, at least: no link has been made since.
    expect((await check(await taken())).waiting).to.be.above(0)
    const more = await taken('?after=2')
    expect(linesOf(more)[0]?.export?.after?.seq).to.equal(2)
    expect(await check(more)).to.deep.include({ after: 2, findings: [] })
    await app.sql.query('alter table audit_events disable trigger all')
    const { database } = app.app.storage
    const retention = new AuditRetention({
      ...{ database, digest: digestOf, keys: new AuditKeys() },
      days: { activity: 1, administration: 1, security: 1 },
    })
    expect(await retention.prune(), 'all of it is of today').to.equal(0)
    const { status, json } = await auditor.send('POST', `${AUDIT}/verify`, {})
    expect(status).to.equal(200)
    expect(json).to.deep.include({ findings: [], pruned: 0 })
    const since = await auditor.send('POST', `${AUDIT}/verify`, { since: json.head })
    expect(since.json.findings).to.deep.equal([])
    await app.sql.query(
      `update audit_events set client_id = 'x' where id = (select min(id) from audit_events)`,
    )
    const found = await auditor.send('POST', `${AUDIT}/verify`, {
      since: { ...json.head, hash: 'x'.repeat(43) },
    })
    expect(found.json.findings.map(({ kind }: { kind: string }) => kind)).to.deep.equal(['changed', 'broken'])
  })

  it('refuses what it does not know', async () => {
    for (const query of ['after=-1', 'after=x', 'personal=maybe', 'name=x']) {
      const { status, json } = await auditor.get(`${AUDIT}/export?${query}`)
      expect([status, json.code], query).to.deep.equal([400, 'invalid_parameter'])
    }
    const bad = await auditor.send('POST', `${AUDIT}/verify`, { since: { seq: 1, hash: 'short' } })
    expect([bad.status, bad.json.code]).to.deep.equal([422, 'invalid_input'])
  })
})
