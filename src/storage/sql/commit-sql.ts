/**
 * One atomic statement for the writes of many requests ("units"). Each unit stands or falls as a whole: what must hold
 * (a session not ended, a code not used, a `jti` not seen) is decided first (`commit-sections.ts`), and every other write
 * of the statement leaves out the units that lost. A row is locked, or changed under its condition, before anything
 * depends on it, so that of two statements at once (here or on another node) the second sees what the first did.
 */
import type { ArtifactModel } from '../artifact-store.ts'
import { SECTIONS, type Section } from './commit-sections.ts'
import type { Statement } from './connection.ts'
import { shaped } from './shapes.ts'
import type { Write } from './writes.ts'

/** A unit that lost, by its place in the batch, and the model whose condition did not hold. */
export interface LostRow {
  unit: number
  cause: ArtifactModel
}

/** The writes of several units as one statement; its rows are those of `LostRow`. */
export function commitStatement(units: readonly (readonly Write[])[]): Statement {
  const groups = new Map<string, unknown[][]>()
  units.forEach((writes, unit) => {
    for (const write of writes) {
      for (const name of sectionsOf(write)) {
        const { columns, row } = SECTIONS.get(name) as Section
        let group = groups.get(name)
        if (!group) {
          group = Array.from({ length: columns.length + 1 }, () => [])
          groups.set(name, group)
        }
        for (const [index, value] of [...row(write), unit].entries()) group[index]?.push(value)
      }
    }
  })
  const names = [...SECTIONS.keys()].filter((name) => groups.has(name))
  const shape = shaped('commit', names, () => textOf(names))
  return { ...shape, values: names.flatMap((name) => groups.get(name) as unknown[][]) }
}

function textOf(names: string[]): string {
  let parameter = 0
  const parts: string[] = []
  const losses: string[] = []
  for (const name of names) {
    const section = SECTIONS.get(name) as Section
    const columns: [string, string][] = [...section.columns, ['unit', 'int']]
    const arrays = columns.map(([, type]) => {
      parameter += 1
      return `$${parameter}::${type}[]`
    })
    const from = `unnest(${arrays.join(', ')}) as x(${columns.map(([column]) => column).join(', ')})`
    const standing = losses.map((loss) => `x.unit not in (select unit from ${loss})`).join(' and ') || 'true'
    parts.push(section.sql(from, standing))
    if (!section.lost) continue
    const loss = `lost_${losses.length}`
    parts.push(`${loss} as materialized (${section.lost(from)})`)
    losses.push(loss)
  }
  const answers = losses.map((loss) => `select unit, cause from ${loss}`)
  return `with ${parts.join(',\n')}\n${answers.join(' union all ') || `select 0 as unit, '' as cause where false`}`
}

function sectionsOf(write: Write): string[] {
  switch (write.kind) {
    case 'guard':
      return ['lock']
    case 'family':
      return ['lock', write.taken ? 'family.take' : 'family.add']
    case 'client':
      return [write.isNew ? 'client.new' : 'client.changed']
    case 'admit':
      return ['admit']
    case 'consent':
    case 'outbox':
    case 'audit':
      return [write.kind]
    default:
      return [`${write.kind}.${write.model}`]
  }
}
