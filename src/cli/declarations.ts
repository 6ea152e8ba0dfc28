/** `ostiary plan`, `ostiary apply` and `ostiary export config`: clients, APIs, types and roles as a file declares them. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { declarative } from '../app-declarative.ts'
import { asYaml, DeclarationError, type Document, readDeclarations } from '../declarative/document.ts'
import type { Declarative } from '../declarative/service.ts'
import { jsonSchema } from '../declarative/shapes.ts'
import { planAsText } from '../domain/declarative/as-text.ts'
import { type Answer, answers, note, Refusal, UsageError } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf } from './leaf.ts'
import { CLI } from './services.ts'
import { withStorage } from './stores.ts'

interface PlanOptions {
  delete?: boolean
  schema?: boolean
}

interface ApplyOptions {
  delete?: boolean
  yes?: boolean
}

const EXPORTED = `# What "ostiary plan FILE" would find nothing to do for. Secrets are not exported: clients that are there keep theirs;
# a new one needs its own, named as in
#   secret: { env: NAME }
`

export function declarationCommands(program: Command): void {
  leaf(program, 'plan', {
    summary: 'what a file of clients, APIs, types and roles would change',
    description: `Compares FILE (YAML or JSON) with what is there and shows what "ostiary apply" would do, and what was changed by
hand since it last did. Changes nothing. Exit code 3 when there is something to do.`,
    examples: ['plan ostiary.yaml', 'plan --schema'],
  })
    .argument(
      '[file]',
      'clients, resource_servers, authorization_types, roles and application_roles, each by id',
    )
    .option('--delete', 'count as to be deleted what an earlier file named and this one does not')
    .option('--schema', 'print the JSON schema of such files, for editors')
    .action(
      answers(async (file: string | undefined, options: PlanOptions) => {
        if (options.schema) return { json: jsonSchema(), words: JSON.stringify(jsonSchema(), undefined, 2) }
        if (file === undefined) throw new UsageError('Say which file.')
        return plan(file, options)
      }),
    )
  leaf(program, 'apply', {
    summary: 'change clients, APIs, types and roles to what a file says, all of it or nothing',
    description: `Shows the plan, asks, and does it in one transaction. Nothing is deleted unless the file says "state: absent", or
--delete is given.`,
    examples: ['apply ostiary.yaml', 'apply ostiary.yaml --yes'],
  })
    .argument('<file>', 'as "ostiary plan" reads it')
    .option('--delete', 'delete what an earlier file named and this one does not')
    .option('--yes', 'do not ask')
    .action(answers((file: string, options: ApplyOptions) => apply(file, options)))
  const exporting =
    program.commands.find((command) => command.name() === 'export') ??
    group(program, 'export', 'what is there, in a form that can be taken in again')
  leaf(exporting, 'config', {
    summary: 'clients, APIs, types and roles as a file for "ostiary plan"; without secrets',
    examples: ['export config > ostiary.yaml'],
  }).action(
    answers(() =>
      opened('.', async (service) => {
        const json = await service.export()
        return { json, words: EXPORTED + asYaml(json) }
      }),
    ),
  )
}

async function plan(file: string, options: PlanOptions): Promise<Answer> {
  return withDocument(file, async (service, document) => {
    const found = await service.plan(document, { deleteLeft: options.delete === true })
    return { json: found, words: planAsText(found), found: found.steps.length > 0 }
  })
}

async function apply(file: string, options: ApplyOptions): Promise<Answer> {
  return withDocument(file, async (service, document) => {
    const asked = { deleteLeft: options.delete === true }
    const found = await service.plan(document, asked)
    const shown = planAsText(found)
    if (found.steps.length > 0) {
      note(shown)
      await confirmed('This is changed now, for every process.', options)
    }
    // Also where there is nothing to do: from now on the file is what a later drift is told from.
    await service.apply(document, found, asked, CLI)
    return { json: found, words: found.steps.length > 0 ? 'Done.' : shown }
  })
}

async function withDocument(
  file: string,
  work: (service: Declarative, document: Document) => Promise<Answer>,
): Promise<Answer> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Refusal('unreadable', `${file} cannot be read (${error.code}).`)
  })
  try {
    // Faults of the file alone need no database.
    const document = readDeclarations(file, text)
    return await opened(file, (service) => work(service, document))
  } catch (error) {
    if (!(error instanceof DeclarationError)) throw error
    throw new Refusal('invalid_declarations', error.message)
  }
}

/** With the engine, which knows what a client may be. */
function opened(file: string, work: (service: Declarative) => Promise<Answer>): Promise<Answer> {
  return withStorage(async (parts) => {
    // Loaded when needed: it is most of the server.
    const { engineOf } = await import('./engine.ts')
    return work(await declarative({ ...parts, engine: await engineOf(parts), file }))
  })
}
