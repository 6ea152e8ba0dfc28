/**
 * Plans what a file of declarations asks for, and does it: everything in one transaction, by the services that the API
 * uses, or nothing. What was shown is what is done: where something changed in between, nothing is.
 */
import type { Actor } from '../domain/access/service.ts'
import type { JsonObject } from '../domain/authorization/json.ts'
import { isSamePlan, keyOf, type Plan, planOf, type Ref, type State } from '../domain/declarative/plan.ts'
import { DomainError } from '../domain/errors.ts'
import type { Database, Repositories } from '../domain/ports.ts'
import type { Document, Path } from './document.ts'
import type { Kind } from './kind.ts'

export interface DeclarativeDeps {
  database: Database
  /** every kind, working on this database; each time anew */
  kindsOn: (database: Database) => Kind[]
  /** told after something was committed */
  changed: () => void
}

export interface PlanOptions {
  /** what an earlier file named and this one does not */
  deleteLeft: boolean
}

interface Look {
  kinds: Map<string, Kind>
  /** entries of the file that are to be there, as the kinds have them */
  values: Map<string, Ref & { value: JsonObject }>
  absent: Ref[]
  plan: Plan
}

export class Declarative {
  readonly #deps: DeclarativeDeps

  constructor(deps: DeclarativeDeps) {
    this.#deps = deps
  }

  /** @throws DeclarationError with every fault of the file */
  async plan(document: Document, options: PlanOptions): Promise<Plan> {
    return (await this.#look(this.#deps.database, document, options)).plan
  }

  /**
   * @param shown the plan that was agreed to
   * @throws DeclarationError; `stale` when another plan is due by now
   */
  async apply(document: Document, shown: Plan, options: PlanOptions, actor: Actor): Promise<void> {
    await this.#deps.database.transaction(async (repositories) => {
      await repositories.applied.lock()
      // The services make one transaction each, and this is it.
      const database: Database = { ...repositories, transaction: (work) => work(repositories) }
      const look = await this.#look(database, document, options)
      if (!isSamePlan(look.plan, shown))
        throw new DomainError('stale', {
          detail: 'something was changed since the plan was made. Look at it again.',
        })
      for (const step of look.plan.steps)
        await look.kinds.get(step.kind)?.apply(step, look.values.get(keyOf(step))?.value, actor)
      await remember(look, repositories)
      if (look.plan.steps.length > 0)
        await repositories.audit.append({
          ...{ name: 'configuration.applied', outcome: 'success', request: actor.request },
          detail: { by: actor.by, ...countsOf(look.plan) },
        })
    })
    this.#deps.changed()
  }

  /** What could be declared, as a file would have it: of every kind by id. No secrets. */
  async export(): Promise<Record<string, Record<string, JsonObject>>> {
    const all: Record<string, Record<string, JsonObject>> = {}
    for (const kind of this.#deps.kindsOn(this.#deps.database)) {
      const entries = [...(await kind.current())].filter(([id]) => kind.isDeclarable(id))
      if (entries.length > 0) all[kind.name] = Object.fromEntries(entries)
    }
    return all
  }

  async #look(database: Database, document: Document, { deleteLeft }: PlanOptions): Promise<Look> {
    const kinds = new Map(this.#deps.kindsOn(database).map((kind) => [kind.name as string, kind]))
    const current = await stateOf([...kinds.values()])
    const faults: { path: Path; problem: string }[] = []
    const values: Look['values'] = new Map()
    for (const { kind: name, id, value: entry } of document.entries) {
      const kind = kinds.get(name) as Kind
      const exists = current.has(keyOf({ kind: name, id }))
      const value = entry === 'absent' ? entry : await kind.wanted(id, entry)
      for (const { member, problem } of await kind.problems(id, value, exists))
        faults.push({ path: member === undefined ? [name, id] : [name, id, member], problem })
      if (value !== 'absent') values.set(keyOf({ kind: name, id }), { kind: name, id, value })
    }
    if (faults.length > 0) throw document.refuse(faults)
    const absent = document.entries.filter(({ value }) => value === 'absent')
    const wanted = [...values.values(), ...absent]
    const plan = planOf(wanted, current, await database.applied.list(), {
      deletes: (ref) => deleteLeft && kinds.get(ref.kind)?.isDeletable === true,
    })
    return { kinds, values, absent, plan }
  }
}

async function stateOf(kinds: readonly Kind[]): Promise<State> {
  const all: [string, Ref & { value: JsonObject }][] = []
  // One after the other: in a transaction there is one connection.
  for (const one of kinds)
    for (const [id, value] of await one.current()) {
      const ref = { kind: one.name, id }
      all.push([keyOf(ref), { ...ref, value }])
    }
  return new Map(all)
}

/** What the file names is remembered, what is gone is forgotten; what it left out stays remembered. */
async function remember({ values, absent, plan }: Look, { applied }: Repositories): Promise<void> {
  for (const { kind, id, value } of values.values()) {
    // Which secret it was is not remembered, so another one is nobody's drift.
    const { secret: _, ...kept } = value
    await applied.keep({ kind, id }, kept)
  }
  const gone = plan.steps.filter((step) => step.do === 'delete')
  for (const ref of [...absent, ...gone]) await applied.forget(ref)
}

function countsOf({ steps }: Plan): Record<string, number> {
  const count = (what: string) => steps.filter((step) => step.do === what).length
  return { created: count('create'), changed: count('change'), deleted: count('delete') }
}
