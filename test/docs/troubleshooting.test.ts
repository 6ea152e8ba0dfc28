/** docs/troubleshooting.md has every code that somebody may see, and none that there is not. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { PROBLEMS } from '../../src/api/problem.ts'
import { FINDINGS } from '../../src/cli/doctor/findings.ts'
import { ROOT, readDoc } from './markdown.ts'

const page = readDoc('docs/troubleshooting.md')

/** What stands under a heading, to the next of its kind. */
function section(heading: string): string {
  const [, rest = ''] = page.split(`\n## ${heading}\n`)
  if (rest === '') throw new Error(`there is no section "${heading}"`)
  return rest.split('\n## ')[0] ?? ''
}

/** The codes at the beginning of the rows, or in their second column. */
const codesOf = (text: string, column: 1 | 2 = 1): string[] =>
  text
    .split('\n')
    .flatMap(
      (line) => /^`([\w-]+)`/.exec(line.split(' | ')[column - 1]?.replace(/^\| /, '') ?? '')?.[1] ?? [],
    )

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const words = (path: string, pattern: RegExp) =>
  [...read(path).matchAll(pattern)].map((hit) => String(hit[1]))

/** Names of causes as the rules write them, in ternaries and as the first word of a helper too. */
function causes(): string[] {
  const files = [
    ...globSync('src/domain/failures/causes/*.ts', { cwd: ROOT }),
    'src/domain/failures/explain.ts',
  ]
  const found = files.flatMap((path) => {
    const text = read(path)
    const told = [...text.matchAll(/cause:([\s\S]*?)summary/g)].map((hit) => hit[1])
    const helped = [...text.matchAll(/\b(?:detail|\w+Rule)\(\s*('[a-z-]+')/g)].map((hit) => hit[1])
    return [...told, ...helped].flatMap((one) =>
      [...(one ?? '').matchAll(/'([a-z0-9]+(?:-[a-z0-9]+)+|declined|other)'/g)].map((hit) => String(hit[1])),
    )
  })
  return [...new Set(found)].sort()
}

describe('docs/troubleshooting.md', () => {
  it('has every finding of doctor', () => {
    expect(codesOf(section('Findings of doctor')).sort()).to.deep.equal(Object.keys(FINDINGS).sort())
  })

  it('has every problem of the API', () => {
    expect(codesOf(section('Errors of the API')).sort()).to.deep.equal(Object.keys(PROBLEMS).sort())
  })

  it('has every error page, under its heading', () => {
    const titles = JSON.parse(read('views/locales/en.json')) as Record<string, string>
    const rows = section('Error pages')
      .split('\n')
      .flatMap((line) => {
        const [, heading = '', code = ''] = /^\| ([^`|]+) \| `([\w-]+)` \|/.exec(line) ?? []
        return code === '' ? [] : [[code, heading]]
      })
    const pages = Object.entries(titles).flatMap(([key, title]) => {
      const code = /^problem\.([\w-]+)\.title$/.exec(key)?.[1]
      return code === undefined ? [] : [[code, title]]
    })
    expect(Object.fromEntries(rows)).to.deep.equal(Object.fromEntries(pages))
  })

  it('has every cause that a failed request may have', () => {
    const all = causes()
    expect(all.length).to.be.above(100)
    const [, causesPart = ''] = section('Errors that apps get').split('\n### The client')
    expect(codesOf(causesPart).sort()).to.deep.equal(all)
  })

  it('has every error of the protocol that the engine has, and each points to causes that there are', () => {
    const [table = ''] = section('Errors that apps get').split('\n### ')
    const told = new Set([...table.matchAll(/`([a-z_]+)`/g)].map((hit) => hit[1]))
    // As the engine writes them; it is read here, and not loaded.
    const path = 'node_modules/oidc-provider/lib/helpers/errors.js'
    const classes = words(path, /'([a-z]+(?:_[a-z]+)+)'/g).filter((name) => !name.startsWith('error_'))
    // of features that are not there: credentials, attestation
    const apart = /credential|attestation|^invalid_(nonce|proof)$|^redirect_uris$/
    expect(classes.filter((name) => !told.has(name) && !apart.test(name))).to.deep.equal([])
    const all = new Set(causes())
    const named = [...table.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map((hit) => String(hit[1]))
    expect(named.filter((name) => !all.has(name))).to.deep.equal([])
  })

  it('has every error of the command', () => {
    const files = globSync('src/cli/**/*.ts', { cwd: ROOT })
    const codes = files.flatMap((path) =>
      words(path, /(?:new Refusal\(\s*|code: (?:inUse \? |isUnavailable\(error\) \? )?)'([a-z_]+)'/g),
    )
    const both = new Set([...codesOf(section('Errors of the command')), ...Object.keys(PROBLEMS)])
    expect(codes.length).to.be.above(10)
    expect([...new Set(codes)].filter((code) => !both.has(code))).to.deep.equal([])
  })

  it('begins with what a start says when it fails', () => {
    const starts = section('It does not start')
    const failures = words('src/start-failure.ts', /return `([^$`]+?) ?[$(`]/g)
    expect(failures.length).to.be.above(2)
    const missing = failures.filter(
      (words) => !starts.includes(words) && !words.startsWith('Ostiary could not'),
    )
    expect(missing).to.deep.equal([])
    for (const told of ['is in use by process', 'is not the key this database was made with', 'has faults:'])
      expect(starts).to.include(told)
  })
})
