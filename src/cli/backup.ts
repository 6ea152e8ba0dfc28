/** `ostiary backup` and `ostiary restore`: everything that people and operators made, in a file, and back. */
import type { Command } from 'commander'
import { auditLedger } from '../app-parts.ts'
import type { Secrets } from '../config/config.ts'
import { DataKeys } from '../crypto/data-keys.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { checkBackup } from '../storage/backup/check.ts'
import { BackupError } from '../storage/backup/format.ts'
import { type KeptKey, readKeysFile, wrappedKey } from '../storage/backup/keys-file.ts'
import { type Contents, readBackup } from '../storage/backup/read-file.ts'
import { openBackups } from '../storage/choose.ts'
import type { Ended } from '../storage/sql/backup/ended.ts'
import { type Answer, answers, note, Refusal, UsageError } from './answer.ts'
import { confirmed } from './confirm.ts'
import { commaList, leaf, NEW_FILE } from './leaf.ts'
import { progress } from './progress.ts'
import { readConfig, withStorage } from './stores.ts'

const NOTHING = 'There is nothing to back up: Ostiary was never started on this database.'
const KEYS_HELP = 'the data keys, wrapped under OSTIARY_SECRET_KEY'

interface BackupOptions {
  /** false: --no-keys */
  keys?: string | false
  verify?: boolean
}

interface RestoreOptions {
  keys: string
  replace?: boolean
  revive?: boolean
  revoked?: string[]
  yes?: boolean
}

export function backupCommands(program: Command): void {
  leaf(program, 'backup', {
    summary: 'copy the database into a file while everything runs, the keys into another',
    description: `Copies everything that people and operators made, of one moment, into FILE; sessions, tokens and mails are left
out. The data keys go into a file of their own, wrapped under OSTIARY_SECRET_KEY: keep the three apart. FILE holds addresses
and password hashes, and is not encrypted. The embedded database is copied while Ostiary is stopped.`,
    examples: ['backup monday.backup --keys monday.keys', 'backup monday.backup --verify --keys monday.keys'],
  })
    .argument('<file>', NEW_FILE)
    .option('--keys <file>', KEYS_HELP)
    .option(
      '--no-keys',
      'write none: a keys file from before holds them (they change only with "ostiary data-key rotate")',
    )
    .option('--verify', 'read a backup and tell whether it is whole; with --keys also whether it is ours')
    .action(
      answers((file: string, options: BackupOptions) =>
        inWords(() =>
          options.verify ? verify(file, options) : backup(file, options, program.version() ?? ''),
        ),
      ),
    )
  leaf(program, 'restore', {
    summary: 'make the database anew from a backup; nobody is signed in afterwards',
    description: `Makes the database anew from a backup, whole or not at all, while Ostiary is stopped. Everybody signs in again,
apps included; initial access tokens are revoked. With --replace, what was ended in the database that goes stays ended:
deleted and disabled people and apps, roles that were taken, withdrawn consent, replaced passwords and secrets (the answer
names the apps and webhooks that need another); --revive brings those back. Signing keys that were revoked stay revoked in
any case.`,
    examples: [
      'restore monday.backup --keys monday.keys',
      'restore monday.backup --keys monday.keys --replace --revoked 4Yw1bXzP3sKd0a9Q',
    ],
  })
    .argument('<file>', 'what "ostiary backup" wrote')
    .requiredOption('--keys <file>', KEYS_HELP)
    .option('--replace', 'empty the database first')
    .option('--revive', 'with --replace: also what was ended there since, because that was a mistake')
    .option('--revoked <kids>', 'signing keys that were revoked since, with commas between', commaList)
    .option('--yes', 'do not ask')
    .action(answers((file: string, options: RestoreOptions) => inWords(() => restore(file, options))))
}

async function backup(file: string, { keys }: BackupOptions, version: string): Promise<Answer> {
  if (keys === undefined)
    throw new UsageError(
      'Say where the keys go: --keys FILE, or --no-keys when you have them in a file from before.',
    )
  const { options, secrets, keyring } = readConfig()
  const { backups, dataKeys, migrations, close } = await openBackups(options)
  const shown = progress('rows')
  try {
    await refuseOtherSchema(migrations)
    if ((await dataKeys.list()).length === 0) throw new BackupError(NOTHING)
    await new DataKeys(dataKeys, keyring, secretsOf(secrets)).refresh()
    const contents = await backups.save(file, {
      version,
      keysFile: keys === false ? undefined : keys,
      progress: counter(shown),
    })
    shown.end()
    note(
      'Neither file opens anything without OSTIARY_SECRET_KEY (in evaluation mode it is in DATA_DIR): keep it, too.',
    )
    return report(file, contents, 'was written, and read again')
  } finally {
    shown.end()
    await close()
  }
}

/** Without the keys a file can only be found whole; with them it is known whose it is. */
async function verify(file: string, { keys }: BackupOptions): Promise<Answer> {
  if (!keys) return report(file, await readBackup(file), 'is whole')
  const { secrets, keyring } = readConfig()
  await openKeys(await readKeysFile(keys), secrets, keyring)
  return report(file, await checkBackup(file, keyring), 'is whole, and made with these keys')
}

async function restore(
  file: string,
  { keys, replace = false, revive = false, revoked = [], yes }: RestoreOptions,
): Promise<Answer> {
  const { options, secrets, keyring } = readConfig()
  const kept = await readKeysFile(keys)
  await openKeys(kept, secrets, keyring)
  const { backups, close } = await openBackups(options)
  const shown = progress('rows')
  let restored: Awaited<ReturnType<typeof backups.restore>>
  try {
    restored = await backups.restore(file, {
      ...{ keys: kept, replace, revive, revoked, progress: counter(shown) },
      confirm: ({ header }) =>
        replace
          ? confirmed(
              `Everything in the database goes, and what was there at ${header.takenAt} takes its place.`,
              { yes },
            )
          : Promise.resolve(),
    })
  } finally {
    shown.end()
    await close()
  }
  await withStorage(({ storage }) => auditLedger(storage).link())
  const { contents, ended } = restored
  const unknown = revoked.filter((kid) => !ended.keys.includes(kid))
  if (unknown.length > 0)
    note(
      `The backup has no signing key ${unknown.join(', ')} that could be revoked: look for a slip of the pen.`,
    )
  if (!replace)
    note(
      `What was ended after ${contents.header.takenAt} is not known here. Signing keys that were revoked since: "ostiary key revoke". ` +
        'People and apps that were disabled or deleted since: do it again. Passwords and app secrets are those of that day.',
    )
  const { json, words } = report(file, contents, 'was restored; nobody is signed in')
  const found = ended.secrets.length + ended.webhooks.length > 0 || ended.dataKey
  return { json: { ...json, ended }, words: [words, ...toMend(ended)].join('\n'), found }
}

/** What stayed ended and leaves somebody with something to do. */
function toMend({ passwords, secrets, webhooks, dataKey }: Ended): string[] {
  const found: [boolean, string][] = [
    [
      passwords > 0,
      `${passwords} of the people have no password, as theirs was changed since: they make another by mail ("Forgot your password?").`,
    ],
    [
      secrets.length > 0,
      `Secrets that were replaced since do not work again. Make another for each of these apps ("ostiary client secrets replace ID"): ${secrets.join(', ')}.`,
    ],
    [
      webhooks.length > 0,
      `Secrets of webhooks that were replaced since are not used again. Make another for each, then enable it: ${webhooks.join(', ')}.`,
    ],
    [
      dataKey,
      'The data key was changed since, and the one before is in use again: change it once more ("ostiary data-key rotate").',
    ],
  ]
  return found.filter(([due]) => due).map(([, words]) => words)
}

async function refuseOtherSchema(
  migrations: () => Promise<{ applied: string[]; pending: string[] }>,
): Promise<void> {
  const { applied, pending } = await migrations()
  if (applied.length === 0) throw new BackupError(NOTHING)
  if (pending.length > 0)
    throw new BackupError(
      'The database is of an older version. Back it up with that version, or bring it up first: "ostiary migrate".',
    )
}

/** The keys of a file instead of those of a database. */
async function openKeys(kept: readonly KeptKey[], secrets: Secrets, keyring: Keyring): Promise<void> {
  const list = async () => kept.map((key) => wrappedKey(key, Date.now()))
  const store = { list, createOnce: list, rewrap: async () => false }
  if (kept.length > 0) await new DataKeys(store, keyring, secretsOf(secrets)).open()
  else throw new BackupError('The keys file holds no keys.')
}

function secretsOf({ rootKey: current, previousRootKey: previous }: Secrets) {
  return { current, previous }
}

/** Rows of all tables together. */
function counter(shown: ReturnType<typeof progress>): (table: string, rows: number) => void {
  const counts = new Map<string, number>()
  return (table, rows) => {
    counts.set(table, rows)
    shown.at([...counts.values()].reduce((sum, count) => sum + count, 0))
  }
}

function report(file: string, { header, tables, seal }: Contents, what: string) {
  const { takenAt, version, dataKeys, migrations } = header
  const rows = Object.fromEntries(tables.map(({ table, rows }) => [table, rows]))
  const sum = tables.reduce((all, table) => all + table.rows, 0)
  return {
    json: { file, takenAt, version, schema: migrations.at(-1), dataKeys, rows, seal },
    words: [
      `${file} ${what}: ${sum} rows of ${takenAt}, by Ostiary ${version}, under data key ${dataKeys.join(', ')}.`,
      ...tables
        .filter(({ rows }) => rows > 0)
        .map(({ table, rows }) => `  ${String(rows).padStart(9)}  ${table}`),
    ].join('\n'),
  }
}

/** What a backup cannot do is said, not explained as a fault of ours. */
async function inWords(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BackupError) throw new Refusal('backup', error.message)
    throw error
  }
}
