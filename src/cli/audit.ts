/** `npm run audit`: whether anybody changed the audit records, and the keys that show it. */
import { parseArgs } from 'node:util'
import { auditLedger } from '../app-parts.ts'
import { AuditKeys } from '../crypto/audit-keys.ts'
import type { Head, Verdict } from '../domain/audit/ledger.ts'
import type { Storage } from '../storage/choose.ts'
import { readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run audit -- verify [--since SEQ:HASH] [--json]
       npm run audit -- keys

  verify    walk the chain of all audit records and tell whether one was changed, taken away, put in or moved
  --since   the head that an earlier check printed: also tells whether the end was cut off or all of it rewritten
  --json    the verdict as JSON
  keys      print the public keys that sign the chain, as a JSON Web Key Set

The exit code is 0 when nothing was found, 1 when something was, 2 for a wrong command line.`

type Command = { do: 'keys' } | { do: 'verify'; since: Head | undefined; json: boolean }

await runCommand(async () => {
  const command = readArguments(USAGE, readCommand)
  if (!command) return
  await withStorage(({ storage }) => (command.do === 'keys' ? keys(storage) : verify(storage, command)))
})

async function keys({ database }: Storage): Promise<void> {
  console.log(JSON.stringify({ keys: await new AuditKeys().publicKeys(database.auditKeys) }, undefined, 2))
}

async function verify(storage: Storage, { since, json }: Extract<Command, { do: 'verify' }>): Promise<void> {
  const showing = process.stderr.isTTY && !json
  const verdict = await auditLedger(storage).verify(
    since,
    (walked, of) => showing && process.stderr.write(`\r${walked} of ${of} records`),
  )
  if (showing) process.stderr.write('\r\x1b[K')
  console.log(json ? JSON.stringify(verdict, undefined, 2) : inWords(verdict))
  if (verdict.findings.length > 0) process.exitCode = 1
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

function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    options: {
      since: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [word, ...more] = positionals
  if (values.help || word === 'help') {
    console.log(USAGE)
    return undefined
  }
  if (more.length === 0 && word === 'keys') return { do: 'keys' }
  if (more.length === 0 && word === 'verify')
    return { do: 'verify', since: headOf(values.since), json: values.json }
  throw new Error(word === undefined ? 'say what to do' : `"${positionals.join(' ')}" is not a command`)
}

function headOf(text: string | undefined): Head | undefined {
  if (text === undefined) return undefined
  const [, seq, hash] = /^(\d{1,15}):([\w-]{43})$/.exec(text) ?? []
  if (seq === undefined || hash === undefined)
    throw new Error('--since takes what an earlier check printed, as in 1234:x1Y…')
  return { seq: Number(seq), hash }
}
