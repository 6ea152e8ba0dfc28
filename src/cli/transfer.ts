/** `ostiary import …` and `ostiary export …`: people as lines of JSON. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { userTransfer } from '../app-transfer.ts'
import type { ImportReport } from '../domain/users/transfer/import.ts'
import { LINE_MAX } from '../domain/users/transfer/line.ts'
import { ON_CONFLICT, type OnConflict } from '../domain/users/transfer/plan.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { group, leaf, NEW_FILE } from './leaf.ts'
import { writeNewFile } from './new-file.ts'
import { progress } from './progress.ts'
import { CLI } from './services.ts'
import { withStorage } from './stores.ts'

interface ImportFlags {
  dryRun?: boolean
  onConflict: OnConflict
}

export function importCommands(program: Command): void {
  const all = group(program, 'import', 'take in what other software or another deployment wrote')
  leaf(all, 'users', {
    summary: 'people, one JSON object a line, with the passwords they have elsewhere',
    description: `Takes in people from a file with one JSON object a line (docs/import-export.md says which members). Lines with
faults are told and left out, the others are written, in batches of 500. Begun anew after it broke off, it goes on:
people who are there already as the line says are left as they are. Exit code 3 when lines were left out.`,
    examples: [
      'import users --dry-run people.jsonl',
      'import users people.jsonl',
      'import users --on-conflict update people.jsonl',
    ],
  })
    .argument('<file>', 'one JSON object a line')
    .option('--dry-run', 'say what would happen, write nothing')
    .addOption(
      new Option(
        '--on-conflict <what>',
        'what becomes of people who are there already, and otherwise than the line says',
      )
        .choices([...ON_CONFLICT])
        .default('refuse'),
    )
    .action(answers(importUsers))
}

export function exportCommands(program: Command): void {
  const all = group(program, 'export', 'write out what another deployment can take in')
  leaf(all, 'users', {
    summary: 'everybody, one JSON object a line',
    description: `Writes everybody to a new file with one JSON object a line, for its owner to read only. Password hashes are left
out unless asked for. Those made here can be used only by a deployment with the same data keys (this one, or one that
was restored from its backup); those imported and not yet used can be used anywhere.`,
    examples: ['export users people.jsonl', 'export users --password-hashes people.jsonl'],
  })
    .argument('<file>', NEW_FILE)
    .option('--password-hashes', 'with the hashes: whoever has the file can guess at the imported ones')
    .action(answers(exportUsers))
}

async function importUsers(file: string, { dryRun = false, onConflict }: ImportFlags): Promise<Answer> {
  const total = await lineCount(file)
  return withStorage(async ({ storage, keyring }) => {
    const { userImport } = userTransfer({ storage, keyring })
    const shown = progress('lines')
    const options = {
      ...{ dryRun, onConflict },
      progress: (lines: number) => shown.at(lines, total),
    }
    try {
      const { dryRun: dry_run, ...report } = await userImport.run(linesOf(file), options, CLI)
      shown.end()
      return { json: { dry_run, ...report }, words: inWords(dry_run, report), found: report.refused > 0 }
    } finally {
      shown.end()
    }
  })
}

async function exportUsers(
  file: string,
  { passwordHashes: hashes = false }: { passwordHashes?: boolean },
): Promise<Answer> {
  return withStorage(async ({ storage, keyring }) => {
    const shown = progress('people')
    let people = 0
    const { exportUsers } = userTransfer({ storage, keyring })
    const lines = () =>
      exportUsers(CLI, {
        hashes,
        progress(written) {
          people = written
          shown.at(written)
        },
      })
    try {
      await writeNewFile(file, lines)
    } finally {
      shown.end()
    }
    return { json: { file, people, password_hashes: hashes }, words: `${people} people are in ${file}.` }
  })
}

/** @throws Refusal when the file cannot be read, or is not UTF-8 */
async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  const read = (chunk?: Buffer) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      throw new Refusal('invalid_input', `${file} is not UTF-8; what stands before the fault was taken in`)
    }
  }
  for await (const chunk of createReadStream(file)) {
    const lines = (rest + read(chunk as Buffer)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    // A line that is far too long is a fault like another, not a reason to hold all of it.
    if (rest.length > 2 * LINE_MAX) rest = rest.slice(0, 2 * LINE_MAX)
  }
  rest += read()
  if (rest !== '') yield rest
}

async function lineCount(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) throw new Refusal('no_file', `${file} cannot be read`)
  let lines = 0
  for await (const chunk of createReadStream(file))
    for (const byte of chunk as Buffer) if (byte === 0x0a) lines += 1
  return lines
}

function inWords(dryRun: boolean, report: Omit<ImportReport, 'dryRun'>): string {
  const { read, created, updated, unchanged, skipped, refused, faults } = report
  const head = dryRun ? 'Nothing was written. An import would say: ' : ''
  const counts = `${read} people read: ${created} created, ${updated} updated, ${unchanged} unchanged, ${skipped} skipped, ${refused} left out.`
  const told = faults.map(
    ({ line, field, what, remedy }) => `line ${line}${field && `, ${field}`}: ${what}\n  -> ${remedy}`,
  )
  const more = refused > 0 && faults.length >= 1000 ? ['… and more'] : []
  return [head + counts, ...told, ...more].join('\n')
}
