/**
 * What separates a file of declarations from what is there, and who made the difference: the file since it was last
 * applied, or somebody by hand. Pure. Values are JSON without secrets; whatever stands for one says only whether it fits.
 */
import { isSame, type JsonObject } from '../authorization/json.ts'

/** In the order in which things are made; they are taken away in reverse. */
export const KINDS = [
  'authorization_types',
  'resource_servers',
  'clients',
  'roles',
  'application_roles',
] as const
export type Kind = (typeof KINDS)[number]

export interface Ref {
  kind: Kind
  id: string
}

/** One entry of the file; `absent`: it is to be taken away. */
export interface Wanted extends Ref {
  value: JsonObject | 'absent'
}

/** By kind and id. */
export type State = ReadonlyMap<string, Ref & { value: JsonObject }>

/** hand: since the last apply; both: the file, too, and differently */
export type Origin = 'file' | 'hand' | 'both'

export interface MemberChange {
  member: string
  /** undefined: it is not there */
  from: unknown
  to: unknown
  by: Origin
}

export interface Step extends Ref {
  do: 'create' | 'change' | 'delete'
  /** of a deletion none */
  members: MemberChange[]
  /** whether something was changed (or removed) by hand since the last apply */
  drift: boolean
}

export interface Plan {
  steps: Step[]
  /** applied once and no longer in the file: they stay, unless deleting was asked for */
  left: Ref[]
}

export function keyOf({ kind, id }: Ref): string {
  return `${kind} ${id}`
}

/**
 * @param applied what was written last
 * @param deletes whether what the file no longer names goes, too; never asked of what it never named
 */
export function planOf(
  wanted: readonly Wanted[],
  current: State,
  applied: State,
  { deletes = () => false }: { deletes?: (left: Ref) => boolean } = {},
): Plan {
  const named = new Set(wanted.map(keyOf))
  const left = [...applied.values()].filter((one) => !named.has(keyOf(one)) && current.has(keyOf(one)))
  const steps = wanted.flatMap((one) =>
    stepOf(one, current.get(keyOf(one))?.value, applied.get(keyOf(one))?.value),
  )
  const deleted = left.filter(deletes).map((one) => deletion(one, current.get(keyOf(one))?.value, one.value))
  return {
    steps: [...steps, ...deleted].sort((one, other) => rankOf(one) - rankOf(other)),
    left: left.filter((one) => !deletes(one)).map(({ kind, id }) => ({ kind, id })),
  }
}

/** Whether two plans would do the same. */
export function isSamePlan(one: Plan, other: Plan): boolean {
  return isSame(one.steps, other.steps)
}

function stepOf(
  { kind, id, value }: Wanted,
  current: JsonObject | undefined,
  applied: JsonObject | undefined,
): Step[] {
  if (value === 'absent') return current ? [deletion({ kind, id }, current, applied)] : []
  const members = differences(value, current ?? {}, current && applied)
  if (!current) return [{ kind, id, do: 'create', members, drift: applied !== undefined }]
  if (members.length === 0) return []
  return [{ kind, id, do: 'change', members, drift: members.some(({ by }) => by !== 'file') }]
}

function deletion({ kind, id }: Ref, current: JsonObject | undefined, applied: JsonObject | undefined): Step {
  return { kind, id, do: 'delete', members: [], drift: applied !== undefined && !isSame(current, applied) }
}

function differences(to: JsonObject, from: JsonObject, applied: JsonObject | undefined): MemberChange[] {
  return [...new Set([...Object.keys(to), ...Object.keys(from)])]
    .filter((member) => !same(from[member], to[member]))
    .map((member) => ({
      ...{ member, from: from[member], to: to[member] },
      by: applied ? originOf(from[member], to[member], applied[member]) : 'file',
    }))
}

function originOf(from: unknown, to: unknown, applied: unknown): Origin {
  if (same(to, applied)) return 'hand'
  return same(from, applied) ? 'file' : 'both'
}

function same(one: unknown, other: unknown): boolean {
  return one === undefined || other === undefined ? one === other : isSame(one, other)
}

function rankOf({ kind, do: what }: Step): number {
  const place = KINDS.indexOf(kind)
  return what === 'delete' ? 2 * KINDS.length - place : place
}
