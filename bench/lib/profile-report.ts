/** What a CPU profile says: own time by group, the functions at the top, and which file of ours had it done. */
import type { CpuProfile, ProfileNode } from './inspector.ts'
import { grid } from './report.ts'

/** The first that fits, by the address of the script. */
const GROUPS: [RegExp, string][] = [
  [/\/node_modules\/(pg|pg-\w+|postgres-\w+|split2)\//, 'pg'],
  [/\/node_modules\/(knex|tarn|lodash)\//, 'knex'],
  [/\/node_modules\/@electric-sql\//, 'PGlite'],
  [/\/node_modules\/(ioredis|redis-\w+|@ioredis\/\w+)\//, 'Redis'],
  [/\/node_modules\/oidc-provider\//, 'engine'],
  [/\/node_modules\/jose\/|^node:internal\/crypto/, 'signing and hashes'],
  [
    /\/node_modules\/(pino|sonic-boom|@pinojs|fast-redact|quick-format-unescaped|safe-stable-stringify)/,
    'log',
  ],
  [
    /\/node_modules\/(koa|@koa|koa-\w+|cookies|keygrip|delegates|type-is|accepts|vary|fresh|negotiator|raw-body)/,
    'Koa',
  ],
  [/\/node_modules\//, 'other packages'],
  [/\/src\//, 'Ostiary'],
  [/^node:(net|_http|internal\/(http|stream|streams|net|js_stream)|http|stream)/, 'sockets and HTTP'],
  [/^node:/, 'other Node'],
]
const TOP = 25

export function describeProfile({ nodes, samples, timeDeltas }: CpuProfile): string {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node.id] as const)))
  const groups = new Tally()
  const functions = new Tally()
  const charged = new Tally()
  let busy = 0
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id)
    const time = timeDeltas[index] ?? 0
    if (!node || node.callFrame.functionName === '(idle)') continue
    busy += time
    const group = groupOf(node)
    groups.add(group, time)
    functions.add(`${group}: ${nameOf(node)}`, time)
    charged.add(ownerOf(node, byId, parents), time)
  }
  const table = (head: string, tally: Tally, count: number) =>
    grid([
      [head, 'share'],
      ...tally.top(count).map(([name, time]) => [name, `${((100 * time) / busy).toFixed(1)} %`]),
    ])
  return [
    `Busy ${(busy / 1e6).toFixed(1)} s on the main thread.`,
    table('group, own time', groups, 20),
    table('function, own time', functions, TOP),
    table('done for (nearest file of ours, else package, in the stack)', charged, TOP),
  ].join('\n\n')
}

class Tally {
  readonly #times = new Map<string, number>()

  add(name: string, time: number): void {
    this.#times.set(name, (this.#times.get(name) ?? 0) + time)
  }

  top(count: number): [string, number][] {
    return [...this.#times].sort(([, a], [, b]) => b - a).slice(0, count)
  }
}

function groupOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  return GROUPS.find(([pattern]) => pattern.test(url))?.[1] ?? 'native'
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const short = url.replace(/^.*\/(node_modules|src)\//, '')
  return short === '' ? functionName : `${functionName || '(anonymous)'} ${short}:${lineNumber + 1}`
}

/** Our middleware below the one that counts are in the stack as well, so the nearest is taken. */
function ownerOf(node: ProfileNode, byId: Map<number, ProfileNode>, parents: Map<number, number>): string {
  for (let at: ProfileNode | undefined = node; at; at = byId.get(parents.get(at.id) ?? -1)) {
    const { url } = at.callFrame
    if (/\/src\/[^/]/.test(url) && !url.includes('/node_modules/')) return url.replace(/^.*\/src\//, 'src/')
    const name = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
    if (name !== undefined && !/^(koa|koa-compose)$/.test(name)) return name
  }
  const root = groupOf(node)
  return root === 'Koa' ? 'koa' : root
}
