/** `ostiary audit`: whether anybody changed the audit records, and the keys that show it. */
import type { Command } from 'commander'
import { auditLedger } from '../app-parts.ts'
import { AuditKeys } from '../crypto/audit-keys.ts'
import type { Head, Verdict } from '../domain/audit/ledger.ts'
import { type Answer, answers, UsageError } from './answer.ts'
import { group, leaf } from './leaf.ts'
import { progress } from './progress.ts'
import { type Opened, withStorage } from './stores.ts'

export function auditCommands(program: Command): void {
  const audit = group(program, 'audit', 'whether the audit records are whole')
  leaf(audit, 'verify', {
    summary: 'walk the chain of all audit records; exit code 3 when one was tampered with',
    description: `Walks the chain of all audit records and tells whether one was changed, taken away, put in or moved. Exit code 3
when something was found.`,
    examples: ['audit verify', 'audit verify --since 812:Jx…'],
  })
    .option(
      '--since <seq:hash>',
      'the head that an earlier check printed: also tells whether the end was cut off or all of it rewritten',
    )
    .action(
      answers((options: { since?: string }) => {
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

async function verify(since: Head | undefined, { storage }: Opened): Promise<Answer> {
  const shown = progress('records')
  const verdict = await auditLedger(storage).verify(since, shown.at)
  shown.end()
  return { json: verdict, words: inWords(verdict), found: verdict.findings.length > 0 }
}

function inWords({ links, checkpoints, waiting, head, findings }: Verdict): string {
  const lines = [
    `${links} records in the chain, ${checkpoints} signatures${waiting > 0 ? `, ${waiting} records not linked yet` : ''}`,
    ...findings.map(({ kind, sentence }) => `${kind.toUpperCase()}: ${sentence}`),
    findings.length === 0
      ? 'Nothing was changed, taken away, put in or moved.'
      : `${findings.length} findings. Compare with a backup, and with the signed heads in the log.`,
  ]
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
