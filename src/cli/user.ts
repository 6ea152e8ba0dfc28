/** `ostiary user`: people's accounts. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { replaceProfile } from '../domain/users/administration.ts'
import { profileOfClaims } from '../domain/users/profile-claims.ts'
import { claimsOf } from '../oidc/claims.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { group, leaf } from './leaf.ts'
import { CLI, personOf, WHO } from './services.ts'
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
    description: `Shows the claims of a person. With FILE (a JSON object of OpenID Connect's standard claims:
name, given_name, birthdate, phone_number, address, …) those that can be set are replaced by the file's; what is
not in it goes.`,
    examples: ['user claims jane@example.org', 'user claims jane@example.org claims.json'],
  })
    .argument('<who>', WHO)
    .argument('[file]', 'the claims as JSON')
    .action(answers(claims))
  accountCommands(user)
}

async function claims(who: string, file: string | undefined): Promise<Answer> {
  const profile = file === undefined ? undefined : await readProfile(file)
  return withStorage(async (opened) => {
    const person = await personOf(who, opened)
    if (profile) await replaceProfile(opened.storage.database, person.id, profile, CLI)
    const json = claimsOf((await opened.storage.database.users.find(person.id)) ?? person)
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
