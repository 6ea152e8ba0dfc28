/** `ostiary audit`: the audit records, whether anybody changed them, and the keys that show it. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type Command, Option } from 'commander'
import { auditServices } from '../app-audit.ts'
import { auditLedger } from '../app-parts.ts'
import { AuditKeys, digestOf, isSignedBy } from '../crypto/audit-keys.ts'
import { checkExport, type FileVerdict } from '../domain/audit/export.ts'
import type { Head, Verdict } from '../domain/audit/ledger.ts'
import type { AuditQuery, AuditRecord } from '../domain/directory/directory.ts'
import { type Answer, answers, note, Refusal, UsageError } from './answer.ts'
import { group, leaf, line, moment, NEW_FILE, timeOf, wholeNumber } from './leaf.ts'
import { writeNewFile } from './new-file.ts'
import { progress } from './progress.ts'
import { CLI } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

export function auditCommands(program: Command): void {
  const audit = group(program, 'audit', 'the audit records, and whether they are whole')
  listCommand(audit)
  exportCommand(audit)
  leaf(audit, 'verify', {
    summary: 'walk the chain of all audit records; exit code 3 when one was tampered with',
    description: `Walks the chain of all audit records and tells whether one was changed, taken away, put in or moved. Exit code 3
when something was found.

With --file it checks what "audit export" wrote, and asks no database.`,
    examples: [
      'audit verify',
      'audit verify --since 812:Jx…',
      'audit verify --file audit.ndjson --keys audit-keys.json',
    ],
  })
    .option(
      '--since <seq:hash>',
      'the head that an earlier check printed: also tells whether the end was cut off or all of it rewritten',
    )
    .option('--file <file>', 'check this export instead')
    .option(
      '--keys <file>',
      'public keys that were kept elsewhere ("audit keys"); else those in the export count',
    )
    .action(
      answers(async (options: { since?: string; file?: string; keys?: string }) => {
        if (options.file !== undefined) {
          if (options.since !== undefined)
            throw new UsageError('--since is of the database: --file holds its own beginning')
          return verifyFile(options.file, options.keys)
        }
        if (options.keys !== undefined) throw new UsageError('--keys is for --file')
        const since = headOf(options.since)
        return withStorage((opened) => verify(since, opened))
      }),
    )
  leaf(audit, 'keys', {
    summary: 'the public keys that sign the chain, as a JSON Web Key Set',
    examples: ['audit keys > audit-keys.json'],
  }).action(
    answers(() =>
      withStorage(async ({ storage }) => {
        const json = { keys: await new AuditKeys().publicKeys(storage.database.auditKeys) }
        return { json, words: JSON.stringify(json, undefined, 2) }
      }),
    ),
  )
}

interface Filter {
  name?: string
  outcome?: 'success' | 'failure'
  user?: string
  actor?: string
  client?: string
  since?: Date
  until?: Date
  limit: number
}

function listCommand(audit: Command): void {
  leaf(audit, 'list', {
    summary: 'security events, newest first',
    examples: [
      'audit list --name user.sign_in_failed --limit 20',
      'audit list --actor usr_… --since 2026-11-01',
    ],
  })
    .option('--name <event>', 'as in user.signed_in')
    .addOption(new Option('--outcome <outcome>', 'how it ended').choices(['success', 'failure']))
    .option('--user <id>', 'whom it is about')
    .option('--actor <id>', 'who did it')
    .option('--client <id>', 'the app')
    .option('--since <time>', 'ISO 8601', timeOf)
    .option('--until <time>', 'ISO 8601', timeOf)
    .option('--limit <n>', 'at most so many', wholeNumber(1, 1000), 50)
    .action(
      answers((filter: Filter) =>
        withStorage(async ({ storage }) => {
          const { items } = await storage.database.trail.list(queryOf(filter))
          return { json: { items }, words: items.map(lineOf).join('\n') || 'Nothing was recorded.' }
        }),
      ),
    )
}

function queryOf({ name, outcome, user, actor, client, since, until, limit }: Filter): AuditQuery {
  return { name, outcome, userId: user, actorId: actor, clientId: client, since, until, limit }
}

function lineOf({ at, name, outcome, userId, clientId, ip, detail }: AuditRecord): string {
  const facts = Object.entries(detail).map(([key, value]) => `${key}=${value}`)
  return line(moment(at), name, outcome === 'failure' ? 'FAILED' : '', userId, clientId, ip, ...facts)
}

function exportCommand(audit: Command): void {
  leaf(audit, 'export', {
    summary: 'write the records with their chain and signatures to a file',
    description: `Writes lines of JSON that "audit verify --file" checks anywhere. What identifies people stays encrypted unless
--personal is given: in a file nobody can erase it any more.`,
    examples: ['audit export audit.ndjson', 'audit export more.ndjson --after 812'],
  })
    .argument('<file>', NEW_FILE)
    .option('--after <seq>', 'only the links behind this one', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--personal', 'with addresses, browsers and e-mail addresses')
    .action(
      answers((file: string, { after, personal = false }: { after: number; personal?: boolean }) =>
        withStorage(async ({ config, storage }) => {
          const { export: exported } = auditServices(config, storage)
          let last = ''
          const lines = async function* () {
            const records = await exported({ after, personal }, CLI)
            // Where Ostiary does not run nobody else does it. One that may not be signed over is written all the same.
            await auditLedger(storage)
              .link()
              .catch((error: Error) => note(error.message))
            for await (last of records) yield last
          }
          await writeNewFile(file, lines)
          const { head, waiting } = JSON.parse(last).end
          const more = `${waiting} records have no link yet and are not in it: take them later with --after ${head?.seq ?? 0}`
          return {
            json: { file, head, waiting },
            words: [
              `${file} is written. Check it with: ostiary audit verify --file ${file}`,
              ...(waiting > 0 ? [more] : []),
            ].join('\n'),
          }
        }),
      ),
    )
}

async function verifyFile(file: string, keysFile: string | undefined): Promise<Answer> {
  const trusted = keysFile === undefined ? undefined : await keysIn(keysFile)
  const lines = createInterface({ input: createReadStream(file) })
  const verdict = await checkExport(lines, { digest: digestOf, verify: isSignedBy }, trusted).catch(
    (error: Error) => {
      throw new Refusal('invalid_input', `${file} cannot be checked: ${error.message}`)
    },
  )
  const byItself = trusted
    ? []
    : ['Signatures were checked with the keys in the file itself; --keys makes it proof.']
  return {
    json: verdict,
    words: [...fileInWords(verdict), ...byItself].join('\n'),
    found: verdict.findings.length > 0,
  }
}

/** Throws Refusal: keys that cannot be read must not become those that the export brings along. */
async function keysIn(file: string): Promise<Record<string, unknown>[]> {
  try {
    const { keys } = JSON.parse(await readFile(file, 'utf8'))
    if (Array.isArray(keys)) return keys
    throw new Error('it holds no "keys"')
  } catch (error) {
    throw new Refusal(
      'invalid_input',
      `${file} is not what "audit keys" printed: ${(error as Error).message}`,
    )
  }
}

function fileInWords(verdict: FileVerdict): string[] {
  const { issuer, after, links, checkpoints, pruned, waiting, signedUpTo, findings } = verdict
  return [
    `${issuer}: ${links} links, ${pruned} of them without their record by retention; ${checkpoints} signatures, up to link ${signedUpTo}`,
    ...(after > 0 ? [`It goes on from link ${after}: what was before is not in it.`] : []),
    ...(waiting > 0 ? [`${waiting} records had no link yet when it was written: they are not in it.`] : []),
    ...found(findings),
  ]
}

function found(findings: Verdict['findings']): string[] {
  if (findings.length === 0) return ['Nothing was changed, taken away, put in or moved.']
  return findings.map(({ kind, sentence }) => `${kind.toUpperCase()}: ${sentence}`)
}

async function verify(since: Head | undefined, { storage }: Opened): Promise<Answer> {
  const shown = progress('records')
  const verdict = await auditLedger(storage).verify(since, shown.at)
  shown.end()
  return { json: verdict, words: inWords(verdict), found: verdict.findings.length > 0 }
}

function inWords({ links, checkpoints, pruned, waiting, head, findings }: Verdict): string {
  const lines = [
    `${links} records in the chain${pruned > 0 ? `, ${pruned} of them gone by retention` : ''}, ${checkpoints} signatures${waiting > 0 ? `, ${waiting} records not linked yet` : ''}`,
    ...found(findings),
  ]
  if (findings.length > 0)
    lines.push(`${findings.length} findings. Compare with a backup, and with the signed heads in the log.`)
  if (head) lines.push(`Keep this elsewhere for the next check: --since ${head.seq}:${head.hash}`)
  return lines.join('\n')
}

function headOf(text: string | undefined): Head | undefined {
  if (text === undefined) return undefined
  const [, seq, hash] = /^(\d{1,15}):([\w-]{43})$/.exec(text) ?? []
  if (seq === undefined || hash === undefined)
    throw new UsageError('--since takes what an earlier check printed, as in 1234:x1Y…')
  return { seq: Number(seq), hash }
}
