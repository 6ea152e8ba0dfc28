/** Every `ostiary …` that the documentation and our own messages name is a command that there is, with such options. */
import { globSync } from 'node:fs'
import { expect } from 'chai'
import { ostiary } from '../../src/cli/program.ts'
import { readSourceTree } from '../support/source-tree.ts'
import { ROOT, readDoc } from './markdown.ts'

/** `ostiary key list`, "ostiary key list", or a line of a block; not `ostiary.json`, not a sentence. */
const NAMED = /(?:^(?:\$ )?bin\/|[`"(](?:bin\/)?|: )ostiary ((?:[a-z][a-z-]*)(?:[^\n`"'#|,)]|"[^"\n]*")*)/gm

/** What cannot be found of it, or undefined. */
function unknown(line: string): string | undefined {
  const words = line
    .replaceAll(/"[^"]*"/g, 'x')
    .trim()
    .replace(/\.$/, '')
    .split(/\s+/)
  let command = ostiary()
  while (command.commands.length > 0) {
    const next = command.commands.find((one) => one.name() === words[0])
    // a group by itself may be spoken of
    if (!next) return words[0] === '--help' ? undefined : words[0]
    command = next
    words.shift()
  }
  const known = command.options.flatMap(({ long }) => long ?? [])
  return words.find(
    (word) => word.startsWith('--') && !['--help', ...known].includes(/^--[\w-]+/.exec(word)?.[0] ?? ''),
  )
}

describe('commands that are named', () => {
  const docs = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: ROOT })]
  const texts = [
    ...docs.map((path) => ({ path, text: readDoc(path) })),
    ...readSourceTree().map(({ path, text }) => ({ path, text })),
  ]
  for (const { path, text } of texts) {
    const named = [...text.matchAll(NAMED)]
      .map(([, line = '']) => line)
      // what keys are derived for, and what stands for many
      .filter((line) => !/^audit (chain|checkpoint) |\$\{|…/.test(line))
    if (named.length > 0)
      it(`${path}: ${named.length}`, () => {
        expect(named.filter((line) => unknown(line) !== undefined)).to.deep.equal([])
      })
  }
})
