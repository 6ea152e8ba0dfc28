/** Holds the shape of the tree: who may import whom, what stays out of `domain/`, what must not be committed. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import * as rules from './support/architecture-rules.ts'
import { parseSource, ROOT, readSourceTree } from './support/source-tree.ts'

const tree = readSourceTree()

function hold(rule: rules.Rule): void {
  const found = tree.flatMap((file) => rule(file).map((fault) => `src/${file.path}: ${fault}`))
  if (found.length > 0) throw new Error(`\n${found.join('\n')}`)
}

/** Committed files, and new ones that git does not ignore. */
function repositoryFiles(): string[] {
  const listed = execFileSync(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)))
}

describe('architecture', () => {
  it('imports follow the arrows', () => hold(rules.importsFollowTheArrows))
  it('packages stay where they belong', () => hold(rules.packagesStayInTheirPlace))
  it('domain/ is pure', () => hold(rules.domainIsPure))
  it('the environment is read in one place', () => hold(rules.environmentIsReadInOnePlace))
  it('requests go out one way', () => hold(rules.requestsGoOutOneWay))
  it('relative imports end in .ts', () => hold(rules.importsNameFiles))
  it('the engine is used by its front door', () => hold(rules.engineIsUsedByItsFrontDoor))
  it('files stay small', () => hold(rules.filesStaySmall))
  it('folders have names', () => hold(rules.foldersHaveNames))

  it('no dependency runs a script when it is installed, and the lock file names no host', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean; resolved?: string }>
    }
    const entries = Object.entries(lock.packages)
    expect(entries.length).to.be.greaterThan(1)
    const faults = entries.flatMap(([name, entry]) => [
      ...(entry.hasInstallScript ? [`${name}: has an install script`] : []),
      ...(entry.resolved ? [`${name}: resolved to ${entry.resolved}`] : []),
    ])
    expect(faults).to.deep.equal([])
  })

  it('no file names a path of somebody’s machine', () => {
    const places = ['/home/[a-z]\\w*/', '/Users/[A-Za-z]\\w*/', '/root/']
    const pattern = new RegExp(`(^|[\\s"'\`(=:])(${places.join('|')})`, 'm')
    const naming = repositoryFiles().filter((path) => {
      const bytes = readFileSync(join(ROOT, path))
      return (
        path !== 'test/architecture.test.ts' && !bytes.includes(0) && pattern.test(bytes.toString('utf8'))
      )
    })
    expect(naming).to.deep.equal([])
  })
})

describe('architecture rules', () => {
  const faults = (rule: rules.Rule, path: string, text: string): string[] => rule(parseSource(path, text))

  it('see every way to import', () => {
    const text = [
      "import a from './a.ts'",
      "import type { B } from '../lib/b.ts'",
      "export * from './c.ts'",
      "import {\n  d,\n  type E,\n} from '@koa/router'",
      "import 'koa'",
      "const f = await import('oidc-provider/lib/x.js')",
      "// import g from 'ioredis'",
    ].join('\n')
    const seen = parseSource('http/x.ts', text).imports
    expect(seen.map((it) => it.target ?? it.package)).to.deep.equal([
      'http/a.ts',
      'lib/b.ts',
      'http/c.ts',
      '@koa/router',
      'koa',
      'oidc-provider',
    ])
    expect(seen.map((it) => it.typeOnly)).to.deep.equal([false, true, false, false, false, false])
  })

  it('refuse what they are there to refuse', () => {
    const { importsFollowTheArrows: arrows, packagesStayInTheirPlace: packages, domainIsPure: pure } = rules
    expect(faults(arrows, 'domain/a.ts', "import x from '../storage/choose.ts'")).to.have.length(1)
    expect(faults(arrows, 'oidc/a.ts', "import x from '../storage/sql/database.ts'")).to.have.length(1)
    expect(faults(arrows, 'oidc/a.ts', "import x from '../storage/artifact-store.ts'")).to.have.length(0)
    expect(faults(arrows, 'samples/a.ts', "import x from '../lib/time.ts'")).to.have.length(1)
    expect(faults(arrows, 'attic/a.ts', '')).to.have.length(1)
    expect(faults(packages, 'domain/a.ts', "import Koa from 'koa'")).to.have.length(1)
    expect(faults(packages, 'oidc/a.ts', "import type { Context } from 'koa'")).to.have.length(0)
    expect(faults(packages, 'oidc/a.ts', "import Koa from 'koa'")).to.have.length(1)
    expect(faults(packages, 'storage/memory/a.ts', "import pg from 'pg'")).to.have.length(1)
    expect(faults(pure, 'domain/a.ts', 'const a = Date.now(), b = new Date()')).to.have.length(2)
    expect(faults(pure, 'domain/a.ts', "import { createHash } from 'node:crypto'")).to.have.length(1)
    expect(faults(pure, 'domain/a.ts', 'const a = new Date(0)')).to.have.length(0)
    expect(faults(rules.environmentIsReadInOnePlace, 'app.ts', 'process.env.PORT')).to.have.length(1)
    const { requestsGoOutOneWay: oneWay } = rules
    expect(
      faults(oneWay, 'oidc/a.ts', "const a = await fetch('https://a'), b = globalThis.fetch"),
    ).to.have.length(2)
    expect(faults(oneWay, 'jobs/a.ts', "import { request } from 'node:https'")).to.have.length(1)
    expect(faults(oneWay, 'oidc/a.ts', "await outbound.fetch('https://a')")).to.have.length(0)
    expect(faults(oneWay, 'outbound/a.ts', "import { request } from 'node:https'")).to.have.length(0)
    expect(faults(rules.importsNameFiles, 'lib/a.ts', "import x from './b'")).to.have.length(1)
    expect(faults(rules.filesStaySmall, 'lib/a.ts', '\n'.repeat(301))).to.have.length(1)
    expect(faults(rules.foldersHaveNames, 'lib/utils/a.ts', '')).to.have.length(1)
  })
})
