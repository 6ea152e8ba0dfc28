/** What planning and applying need to know of each kind of thing. A new kind is one file in `kinds/` and a name in `KINDS`. */
import type { Actor } from '../domain/access/service.ts'
import { isSame, type JsonObject } from '../domain/authorization/json.ts'
import type { Kind as Name, Step } from '../domain/declarative/plan.ts'
import { DomainError } from '../domain/errors.ts'

export interface Problem {
  /** as the file calls it; undefined: it concerns the whole */
  member?: string | undefined
  problem: string
}

export interface Kind {
  readonly name: Name
  /** whether one may be taken away */
  readonly isDeletable: boolean
  /** All there are, as the file would have them: what is left to the default is left out, and secrets are. */
  current(): Promise<Map<string, JsonObject>>
  /** An entry of the file in the same form. */
  wanted(id: string, entry: JsonObject): Promise<JsonObject>
  /** Why it cannot be done, whole. */
  problems(id: string, value: JsonObject | 'absent', exists: boolean): Promise<Problem[]>
  /** In the transaction of the whole. @param value as `wanted` made it */
  apply(step: Step, value: JsonObject | undefined, actor: Actor): Promise<void>
  /** Whether it is the operator's to declare: not what settings declare, nor what registered itself. */
  isDeclarable(id: string): boolean
}

/** Without members that say what holds anyway. */
export function withoutDefaults(value: JsonObject, defaults: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(
    ([name, member]) =>
      member !== undefined && member !== null && JSON.stringify(member) !== JSON.stringify(defaults[name]),
  )
  return Object.fromEntries(entries)
}

/** Somebody may be quicker than the transaction of an apply. @throws `stale` where it is not what the plan showed */
export function assertAsShown(members: Step['members'], now: JsonObject): void {
  if (members.some(({ member, from }) => !isSame(now[member] ?? null, from ?? null)))
    throw new DomainError('stale')
}
