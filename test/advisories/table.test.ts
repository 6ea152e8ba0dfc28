/** The table of advisories against the tests it names, in both directions. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { quoted, readDoc, tableRows } from '../docs/markdown.ts'
import { ROOT } from '../support/source-tree.ts'

const rows = tableRows(
  readDoc('test/advisories/README.md'),
  'group',
  'root cause',
  'file',
  'what its tests say',
)

/** What the pack must have. Others come with the features they are about. */
const GROUPS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q']

describe('the table of advisories', () => {
  it('has a file of the pack for every group, and names each group once or more', () => {
    const own = rows.filter(([, , file = '']) => file.includes('test/advisories/'))
    expect([...new Set(own.map(([group]) => group))]).to.deep.equal(GROUPS)
    expect([...new Set(rows.map(([group]) => group))]).to.deep.equal(GROUPS)
  })

  for (const [group = '', , file = '', words = ''] of rows)
    it(`${group}: ${words}`, () => {
      const [path = ''] = quoted(file)
      expect(readFileSync(join(ROOT, path), 'utf8'), path).to.include(words)
    })

  it('has every file of the pack, and each names advisories', () => {
    const files = readdirSync(import.meta.dirname).filter((file) => /^[a-z]-.*\.test\.ts$/.test(file))
    expect(rows.map(([, , file = '']) => quoted(file)[0])).to.include.members(
      files.map((file) => `test/advisories/${file}`),
    )
    for (const file of files)
      expect(readFileSync(join(import.meta.dirname, file), 'utf8'), file).to.match(/CVE-\d{4}-\d+|GHSA-/)
  })
})
