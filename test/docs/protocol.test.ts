/** `docs/protocol.md` against the discovery document of a running Ostiary, in both directions. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { quoted, ROOT, readDoc, tableRows } from './markdown.ts'

const text = readDoc('docs/protocol.md')
const endpoints = tableRows(text, 'endpoint', 'path', 'in discovery')
const standards = tableRows(text, 'standard', 'section', 'state', 'where', 'in discovery')

/** "`a` = `x`, `y`; `b`" or "`a` = `true`, `b` = `true`" -> the members with the values they must have, if any. */
function claimsOf(cell: string): { member: string; values: string[] | undefined }[] {
  const parts = [...cell.matchAll(/`(\w+)`(?: = ((?:`[^`]+`(?:, (?!`\w+` = ))?)+))?/g)]
  return parts.map(([, member = '', values]) => ({
    member,
    values: values === undefined ? undefined : quoted(values),
  }))
}

/** Several members may stand in one cell; only those with `=` take the quoted words after them as values. */
function membersIn(cell: string): { member: string; values: string[] | undefined }[] {
  return cell.includes('=') ? claimsOf(cell) : quoted(cell).map((member) => ({ member, values: undefined }))
}

describe('docs/protocol.md', function () {
  this.timeout(90_000)
  let running: RunningApp
  let discovery: Record<string, unknown>
  before(async () => {
    running = await startApp()
    const response = await fetch(`${running.issuer}/.well-known/openid-configuration`)
    discovery = (await response.json()) as Record<string, unknown>
  })
  after(() => running.close())

  it('has tables that can be read', () => {
    expect(endpoints).to.have.length.greaterThan(10)
    expect(standards).to.have.length.greaterThan(35)
    for (const [standard, , state] of standards) expect(state, standard).to.match(/^(yes|partly|no)\b/)
  })

  it('names the paths of the endpoints', () => {
    for (const [, path = '', cell = ''] of endpoints)
      for (const member of quoted(cell))
        expect(discovery[member], member).to.equal(running.issuer + quoted(path)[0])
  })

  it('names endpoints that are there', async () => {
    for (const [, cell = ''] of endpoints) {
      const [path = ''] = quoted(cell)
      const response = await fetch(running.issuer + path, { method: 'GET', redirect: 'manual' })
      // What takes only POST has no page: any answer of the engine's own will do.
      const post = await fetch(running.issuer + path, { method: 'POST', redirect: 'manual' })
      expect(response.status !== 404 || post.status !== 404, path).to.equal(true)
    }
  })

  it('says what the discovery document says', () => {
    for (const [standard, , state = '', , cell = ''] of standards)
      for (const { member, values } of membersIn(cell)) {
        expect(discovery, `${standard} ${state}`).to.have.property(member)
        if (values !== undefined)
          expect([discovery[member]].flat().map(String), member).to.have.members(values)
      }
  })

  it('leaves nothing of the discovery document out', () => {
    const named = [...endpoints, ...standards].flatMap((row) =>
      membersIn(row.at(-1) ?? '').map(({ member }) => member),
    )
    expect(named).to.include.members(Object.keys(discovery))
  })

  it('does not claim what is not there', () => {
    const absent = [
      'check_session_iframe',
      'tls_client_certificate_bound_access_tokens',
      'authorization_details_types_supported',
    ]
    for (const member of absent) expect(discovery).to.not.have.property(member)
  })

  it('points to files that exist', () => {
    for (const [, , , where = ''] of standards)
      for (const path of quoted(where)) expect(existsSync(join(ROOT, path)), path).to.equal(true)
  })
})
