/** Types as the administrator writes them down (`AUTHORIZATION_DETAILS_FILE`): checked whole before one is kept. */
import { isObject, type JsonObject } from './json.ts'
import { isReadable } from './limits.ts'
import { schemaFaults } from './schema.ts'
import { templateFaults } from './template.ts'
import type { AuthorizationType } from './type.ts'

/** Every fault of a file of types; its message lists them one a line. */
export class TypesError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'TypesError'
    this.faults = faults
  }
}

const MEMBERS = 'type title template schema actions locations ask self_registered status'.split(' ')
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/
const TITLE_MAX = 80
const LIST_MAX = 50

/**
 * @param value `{"types": [...]}`
 * @throws TypesError naming each type, the member and what to change
 */
export function readTypes(value: unknown): AuthorizationType[] {
  const entries = isObject(value) ? value.types : undefined
  if (!Array.isArray(entries)) throw new TypesError(['the file must hold {"types": [...]}'])
  const faults = entries.flatMap((entry, index) =>
    faultsOf(entry).map(
      (fault) => `type ${isObject(entry) ? JSON.stringify(entry.type) : index + 1}: ${fault}`,
    ),
  )
  const names = entries.map((entry) => (isObject(entry) ? entry.type : undefined))
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index)))
    faults.push(`type ${JSON.stringify(name)}: is there twice`)
  if (faults.length > 0) throw new TypesError(faults)
  return entries.map(typeOf)
}

function faultsOf(entry: unknown): string[] {
  if (!isObject(entry)) return ['must be an object']
  const { type, title, actions = [], locations = [], ask = 'always', status = 'active' } = entry
  const faults = Object.keys(entry)
    .filter((name) => !MEMBERS.includes(name))
    .map((name) => `there is no member "${name}", only ${MEMBERS.join(', ')}`)
  if (typeof type !== 'string' || !NAME.test(type)) faults.push('type must be printable ASCII without spaces')
  if (typeof title !== 'string' || title.trim() === '' || title.length > TITLE_MAX || !isReadable(title))
    faults.push(`title must be plain text of at most ${TITLE_MAX} characters`)
  if (!isListOf(actions, isReadable)) faults.push(`actions must be a list of at most ${LIST_MAX} texts`)
  if (!isListOf(locations, (one) => URL.canParse(one) && !one.includes('#')))
    faults.push('locations must be a list of resource indicators: absolute addresses without a fragment')
  if (ask !== 'always' && ask !== 'session') faults.push('ask must be "always" or "session"')
  if (status !== 'active' && status !== 'disabled') faults.push('status must be "active" or "disabled"')
  if (entry.self_registered !== undefined && typeof entry.self_registered !== 'boolean')
    faults.push('self_registered must be true or false')
  const ofSchema = schemaFaults(entry.schema)
  if (ofSchema.length > 0) return [...faults, ...ofSchema]
  const required = ((entry.schema as JsonObject).required ?? []) as string[]
  for (const [name, list] of Object.entries({ actions, locations }))
    if (required.includes(name) && (list as []).length === 0)
      faults.push(`schema.required names "${name}", and the type allows none`)
  return [...faults, ...templateFaults(entry.template, entry.schema as JsonObject)]
}

function isListOf(value: unknown, holds: (text: string) => boolean): boolean {
  return (
    Array.isArray(value) &&
    value.length <= LIST_MAX &&
    value.every((one) => typeof one === 'string' && one !== '' && holds(one))
  )
}

function typeOf(entry: JsonObject): AuthorizationType {
  return {
    name: entry.type as string,
    title: entry.title as string,
    template: entry.template as string,
    schema: entry.schema as JsonObject,
    actions: (entry.actions ?? []) as string[],
    locations: (entry.locations ?? []) as string[],
    ask: (entry.ask ?? 'always') as AuthorizationType['ask'],
    selfRegistered: entry.self_registered === true,
    status: (entry.status ?? 'active') as AuthorizationType['status'],
  }
}
