/** What the stages share: the options, the servers, and a line to whoever waits. */
import type { Cluster } from './cluster.ts'
import type { Load } from './measure.ts'
import type { FlowName, Options, StageName } from './options.ts'
import type { Product } from './product.ts'
import type { Yardstick } from './yardsticks.ts'

export interface Bench {
  options: Options
  cluster: Cluster
  product: Product
  engine: Yardstick
  koa: Yardstick
  /** another Ostiary, when one was named */
  against: Product | undefined
  tell: (line: string) => void
}

export function isAsked({ options }: Bench, name: FlowName | StageName): boolean {
  return options.only.has(name)
}

export function loadOf({ options }: Bench, row?: string): Load {
  const { workers, seconds } = options
  return { workers: row === 'refresh-alone' ? 1 : workers, seconds }
}

export function warmUpOf({ options }: Bench): number {
  return options.quick ? 0.5 : 1
}
