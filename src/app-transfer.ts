/** Part of the composition root: import and export of people, for the API and for commands. */
import { ForeignPasswords } from './crypto/foreign-passwords.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import type { Actor } from './domain/access/service.ts'
import { type ExportOptions, exportUsers } from './domain/users/transfer/export.ts'
import { UserImport } from './domain/users/transfer/import.ts'
import type { Storage } from './storage/choose.ts'

export function userTransfer(
  { storage, keyring }: { storage: Pick<Storage, 'database'>; keyring: Keyring },
  /** after access was ended */
  accessEnded: () => void = () => {},
) {
  const { database } = storage
  const passwords = new ForeignPasswords(keyring)
  const clock = { now: () => new Date() }
  return {
    userImport: new UserImport({ database, random: secureRandom, clock, passwords, accessEnded }),
    /** Without `options`: no password hashes, which leave by the command only. */
    exportUsers: (by: Actor, options: ExportOptions = { hashes: false }) =>
      exportUsers({ database, passwords }, options, by),
  }
}
