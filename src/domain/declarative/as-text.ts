/** A plan as an operator reads it. Nothing of what it quotes can move the cursor or turn the writing round. */
import { isSame } from '../authorization/json.ts'
import { plain } from '../failures/as-text.ts'
import type { Kind, MemberChange, Origin, Plan, Step } from './plan.ts'

const NAMES: Record<Kind, string> = {
  authorization_types: 'authorization type',
  resource_servers: 'resource server',
  clients: 'client',
  roles: 'role',
  application_roles: 'application role',
}
const SIGNS = { create: '+', change: '~', delete: '-' } as const
const ORIGINS: Record<Origin, string> = {
  file: '',
  hand: '  (changed by hand since the last apply)',
  both: '  (changed by hand since the last apply, and in the file)',
}

export function planAsText({ steps, left }: Plan): string {
  const lines = steps.flatMap(linesOf)
  const kept = left.map(
    ({ kind, id }) =>
      `  ${NAMES[kind]} ${plain(id)} is no longer in the file and stays; --delete takes it away`,
  )
  const count = (what: Step['do']) => steps.filter((step) => step.do === what).length
  const sum = `${count('create')} to add, ${count('change')} to change, ${count('delete')} to delete.`
  return [...lines, ...kept, steps.length === 0 ? 'Nothing to do.' : sum].join('\n')
}

function linesOf({ kind, id, do: what, members, drift }: Step): string[] {
  const removed = what === 'create' && drift ? '  (removed by hand since the last apply)' : ''
  const drifted = what === 'delete' && drift ? ORIGINS.hand : ''
  return [`${SIGNS[what]} ${NAMES[kind]} ${plain(id)}${removed}${drifted}`, ...members.map(memberLine)]
}

function memberLine({ member, from, to, by }: MemberChange): string {
  const origin = ORIGINS[by]
  const name = plain(member)
  if (from === undefined) return `    + ${name}: ${shown(to)}${origin}`
  if (to === undefined) return `    - ${name}: ${shown(from)}${origin}`
  if (Array.isArray(from) && Array.isArray(to)) return listLine(name, from, to) + origin
  return `    ~ ${name}: ${shown(from)} -> ${shown(to)}${origin}`
}

/** What comes and goes of a list; where that is nothing, its order is another. */
function listLine(name: string, from: unknown[], to: unknown[]): string {
  const without = (list: unknown[], other: unknown[]) =>
    list.filter((entry) => !other.some((one) => isSame(one, entry)))
  const parts = [
    ...without(from, to).map((entry) => `-${shown(entry)}`),
    ...without(to, from).map((entry) => `+${shown(entry)}`),
  ]
  return `    ~ ${name}: ${parts.length > 0 ? parts.join(' ') : `${shown(from)} -> ${shown(to)}`}`
}

function shown(value: unknown): string {
  return plain(JSON.stringify(value))
}
