/** `npm run user-claims`: the standard claims of a person, shown or replaced by those of a file. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { replaceProfile } from '../domain/users/administration.ts'
import { profileOfClaims } from '../domain/users/profile-claims.ts'
import { claimsOf } from '../oidc/claims.ts'
import { readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run user-claims -- EMAIL [FILE]

Shows the claims of the person with this address. With FILE (a JSON object of OpenID Connect's standard claims: name,
given_name, birthdate, phone_number, address, …) those that can be set are replaced by the file's; what is not in it goes.`

await runCommand(async () => {
  const options = readArguments(USAGE, readOptions)
  if (!options) return
  const { email, file } = options
  const profile = file === undefined ? undefined : await readProfile(file)
  await withStorage(async ({ storage }) => {
    const user = await storage.database.users.findByEmail(email)
    if (!user) throw new Error(`there is nobody with the address ${email}`)
    if (profile) await replaceProfile(storage.database, user.id, profile, { by: 'cli' })
    const now = await storage.database.users.find(user.id)
    console.log(JSON.stringify(claimsOf(now ?? user), null, 2))
  })
})

async function readProfile(file: string) {
  try {
    return profileOfClaims(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    throw new Error(`${file} cannot be used:\n${(error as Error).message}`)
  }
}

function readOptions(): { email: string; file: string | undefined } | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  })
  const [email, file, ...more] = positionals
  if (values.help) {
    console.log(USAGE)
    return undefined
  }
  if (email === undefined || more.length > 0) throw new Error('say whose claims: EMAIL, and perhaps FILE')
  return { email, file }
}
