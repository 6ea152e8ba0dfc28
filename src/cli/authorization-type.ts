/** `ostiary authorization-type`: what applications may ask for in detail (RFC 9396), and whether a file of types is right. */
import type { Command } from 'commander'
import { readTypesFile } from '../app-parts.ts'
import type { AuthorizationType } from '../domain/authorization/type.ts'
import { answers } from './answer.ts'
import { group, leaf } from './leaf.ts'
import { withStorage } from './stores.ts'

export function authorizationTypeCommands(program: Command): void {
  const types = group(program, 'authorization-type', 'what apps may ask for in detail (RFC 9396)')
  leaf(types, 'list', {
    summary: 'the types that are registered, with the sentence people read',
    examples: ['authorization-type list'],
  }).action(
    answers(() =>
      withStorage(async ({ storage }) => {
        const json = await storage.database.authorizationTypes.list()
        return { json, words: inWords(json) }
      }),
    ),
  )
  leaf(types, 'check', {
    summary: 'whether a file could be the AUTHORIZATION_DETAILS_FILE',
    description: `Whether FILE could be the AUTHORIZATION_DETAILS_FILE; says everything that is wrong in it. Changes nothing.`,
    examples: ['authorization-type check types.json'],
  })
    .argument('<file>', 'JSON')
    .action(
      answers(async (file: string) => {
        const names = (await readTypesFile(file)).map(({ name }) => name)
        return { json: { file, types: names }, words: `${file} is right: ${names.join(', ') || 'no types'}` }
      }),
    )
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
