/** `ostiary user`: people's accounts. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { replaceProfile } from '../domain/users/administration.ts'
import { profileOfClaims } from '../domain/users/profile-claims.ts'
import { claimsOf } from '../oidc/claims.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { group, leaf } from './leaf.ts'
import { withStorage } from './stores.ts'
import { accountCommands } from './user-account.ts'
import { directoryCommands } from './user-directory.ts'
import { sessionCommands } from './user-sessions.ts'

export function userCommands(program: Command): void {
  const user = group(program, 'user', "people's accounts")
  directoryCommands(user)
  sessionCommands(user)
  leaf(user, 'claims', {
    summary: 'the standard claims of a person, shown or replaced',
    description: `Shows the claims of the person with this address. With FILE (a JSON object of OpenID Connect's standard claims:
name, given_name, birthdate, phone_number, address, …) those that can be set are replaced by the file's; what is
not in it goes.`,
    examples: ['user claims jane@example.org', 'user claims jane@example.org claims.json'],
  })
    .argument('<email>')
    .argument('[file]', 'the claims as JSON')
    .action(answers(claims))
  accountCommands(user)
}

async function claims(email: string, file: string | undefined): Promise<Answer> {
  const profile = file === undefined ? undefined : await readProfile(file)
  return withStorage(async ({ storage }) => {
    const user = await storage.database.users.findByEmail(email)
    if (!user) throw new Refusal('not_found', `there is nobody with the address ${email}`)
    if (profile) await replaceProfile(storage.database, user.id, profile, { by: 'cli' })
    const json = claimsOf((await storage.database.users.find(user.id)) ?? user)
    return { json, words: JSON.stringify(json, undefined, 2) }
  })
}

async function readProfile(file: string) {
  try {
    return profileOfClaims(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    throw new Refusal('invalid_input', `${file} cannot be used:\n${(error as Error).message}`)
  }
}
