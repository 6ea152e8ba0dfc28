/** The folder's README cannot lie: what its tables name is there, and every file of checks is in the first. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../support/source-tree.ts'
import { GROUPS } from './checks/groups.ts'

const FOLDER = join(ROOT, 'test/conformance')

describe('test/conformance/README.md', () => {
  const rows = readFileSync(join(FOLDER, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
  const named = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

  it('names checks and tests that exist', () => {
    const checks = new Set<string>(Object.values(GROUPS).flatMap((group) => group.map(({ name }) => name)))
    const missing = named.filter((name) => {
      if (name.startsWith('ostiary ')) return false
      if (name.endsWith('.ts')) return !existsSync(join(name.includes('/') ? ROOT : FOLDER, name))
      return !checks.has(name)
    })
    expect(missing).to.deep.equal([])
    expect(named.length).to.be.above(80)
  })

  it('names every file of tests', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts') && name !== 'readme.test.ts')
    expect(files.filter((name) => !named.includes(name))).to.deep.equal([])
  })

  it('counts no more checks than there are', () => {
    expect(Object.values(GROUPS).flat().length).to.be.above(400)
  })
})
