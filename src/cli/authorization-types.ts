/** `npm run authorization-types`: what applications may ask for in detail (RFC 9396), and whether a file of types is right. */
import { parseArgs } from 'node:util'
import { readTypesFile } from '../app-parts.ts'
import type { AuthorizationType } from '../domain/authorization/type.ts'
import { readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run authorization-types -- list [--json]
       npm run authorization-types -- check FILE

list   the types that are registered, with the sentence people read
check  whether FILE could be the AUTHORIZATION_DETAILS_FILE; says everything that is wrong in it. Changes nothing.`

await runCommand(async () => {
  const command = readArguments(USAGE, readCommand)
  if (command?.name === 'list')
    await withStorage(async ({ storage }) => {
      const types = await storage.database.authorizationTypes.list()
      console.log(command.json ? JSON.stringify(types, null, 2) : inWords(types))
    })
  if (command?.name === 'check') {
    const types = await readTypesFile(command.file)
    console.log(`${command.file} is right: ${types.map(({ name }) => name).join(', ') || 'no types'}`)
  }
})

type Command = { name: 'list'; json: boolean } | { name: 'check'; file: string }

function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const [name, file, ...more] = positionals
  if (values.help) {
    console.log(USAGE)
    return undefined
  }
  if (name === 'list' && file === undefined) return { name, json: values.json }
  if (name === 'check' && file !== undefined && more.length === 0) return { name, file }
  throw new Error('say "list" or "check FILE"')
}

function inWords(types: readonly AuthorizationType[]): string {
  if (types.length === 0) return 'There are no types yet.'
  return types
    .map((type) =>
      [
        `${type.name} (${type.status}): ${type.title}`,
        `  ${type.template}`,
        `  for ${type.locations.join(', ') || 'every API'}; asked ${type.ask === 'always' ? 'each time' : 'once a session'}`,
      ].join('\n'),
    )
    .join('\n\n')
}
