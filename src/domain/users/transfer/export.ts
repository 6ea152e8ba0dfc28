/** Everybody as lines of JSON, by e-mail address: the same people make the same bytes, on any store. */
import type { Actor } from '../../access/service.ts'
import { isStopped } from '../../passwords/stopped.ts'
import type { Database } from '../../ports.ts'
import { emailKey } from '../identifiers.ts'
import type { PasswordTransfer } from './fault.ts'
import { writeLine } from './line.ts'

const PAGE = 500

export interface ExportOptions {
  /** with password hashes: for a deployment with the same keys, and for nobody else */
  hashes: boolean
  /** told of the people written so far */
  progress?: (people: number) => void
}

/** It is recorded before the first line leaves, whatever becomes of the rest. */
export async function* exportUsers(
  { database, passwords }: { database: Database; passwords: PasswordTransfer },
  { hashes, progress }: ExportOptions,
  { by, request }: Actor,
): AsyncGenerator<string> {
  await database.audit.append({
    ...{ name: 'users.exported', outcome: 'success', request },
    detail: { by, hashes },
  })
  let after: string | undefined
  for (let written = 0; ; progress?.(written)) {
    const people = await database.userTransfer.page(after, PAGE)
    const last = people.at(-1)
    if (!last) return
    for (const { phc, ...person } of people)
      yield writeLine(
        person,
        hashes && phc !== undefined && !isStopped(phc) ? passwords.give(phc) : undefined,
      )
    written += people.length
    after = emailKey(last.email)
  }
}
