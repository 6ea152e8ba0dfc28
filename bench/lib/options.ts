/** The command line of the benchmark. Every loop it asks for is bounded here. */
import { parseArgs } from 'node:util'

/** What is measured against the yardstick, flow by flow. */
export const FLOWS = [
  'discovery',
  'jwks',
  'cc',
  'cc-jwt',
  'introspect',
  'userinfo',
  'refresh',
  'refresh-alone',
  'code',
] as const
export type FlowName = (typeof FLOWS)[number]

/** What is measured once the flows are through. */
export const STAGES = ['sign-in', 'commits', 'clients', 'growth', 'latency', 'start', 'pglite'] as const
export type StageName = (typeof STAGES)[number]

export interface Options {
  quick: boolean
  only: ReadonlySet<FlowName | StageName>
  rounds: number
  /** of one measurement */
  seconds: number
  workers: number
  redis: boolean
  /** flags of Node for the product */
  flags: string[]
  /** another Ostiary that is measured in alternation: its folder, its flags of Node */
  against: { folder: string | undefined; flags: string[] } | undefined
  out: string | undefined
  profile: FlowName | undefined
}

export const USAGE = `usage: npm run bench [-- OPTIONS]

  --quick              about three minutes instead of twelve: fewer rounds, shorter, up to 10^5 rows
  --only a,b           of: ${[...FLOWS, ...STAGES].join(', ')}
  --rounds N           1 to 20 (default 5)
  --seconds S          one measurement takes, 0.2 to 10 (default 1.2)
  --workers N          requests under way at once, 1 to 64 (default 32)
  --redis              with a Redis beside Postgres
  --flags "..."        flags of Node for Ostiary, such as "--max-semi-space-size=8"
  --against DIR        another checkout of Ostiary, measured in alternation
  --against-flags ".." the same, or that checkout, with other flags of Node
  --out FILE           write every figure as JSON
  --profile FLOW       where the time of one flow goes in the server, instead of all else`

/** @throws TypeError in words for the person at the terminal */
export function readOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      workers: { type: 'string' },
      redis: { type: 'boolean', default: false },
      flags: { type: 'string' },
      against: { type: 'string' },
      'against-flags': { type: 'string' },
      out: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const { quick } = values
  const otherFlags = values['against-flags']
  const compares = values.against !== undefined || otherFlags !== undefined
  return {
    quick,
    only: new Set(values.only === undefined ? [...FLOWS, ...STAGES] : chosen(values.only)),
    rounds: between('rounds', values.rounds ?? (quick ? '3' : '5'), 1, 20),
    seconds: between('seconds', values.seconds ?? (quick ? '0.5' : '1.2'), 0.2, 10),
    workers: between('workers', values.workers ?? '32', 1, 64),
    redis: values.redis,
    flags: words(values.flags),
    against: compares ? { folder: values.against, flags: words(otherFlags) } : undefined,
    out: values.out,
    profile: values.profile === undefined ? undefined : one(FLOWS, values.profile),
  }
}

function chosen(text: string): (FlowName | StageName)[] {
  return words(text.replaceAll(',', ' ')).map((name) => one([...FLOWS, ...STAGES], name))
}

function one<Name extends string>(names: readonly Name[], text: string): Name {
  const name = names.find((known) => known === text)
  if (name === undefined) throw new TypeError(`there is no "${text}"; there are ${names.join(', ')}`)
  return name
}

function words(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

function between(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!(value >= min && value <= max)) throw new TypeError(`--${name} must be between ${min} and ${max}`)
  return value
}
