/**
 * Times and traces methods of things that know nothing of it, by putting a method of the same name before theirs. What is
 * watched is chosen in the composition root; without tracing nothing is put before anything that is only traced.
 */
import { performance } from 'node:perf_hooks'
import { type Attributes, kindOf, type Tracing } from '../lib/tracing.ts'

type Work = (...args: never[]) => Promise<unknown>

/** Names of methods that answer with a promise. */
export type Asking<T> = { [K in keyof T]: T[K] extends Work ? K : never }[keyof T] & string

export type Timed = (kind: string, operation: string, outcome: string, seconds: number) => void

/** How failures count that are part of the work: each is one of a few. */
const OUTCOMES: Record<string, string> = { UnitLost: 'lost', Overloaded: 'busy', busy: 'busy' }

function replace<T extends object>(
  target: T,
  method: Asking<T>,
  around: (work: () => Promise<unknown>, args: unknown[]) => Promise<unknown>,
): void {
  const original = target[method] as (...args: unknown[]) => Promise<unknown>
  const before = (...args: unknown[]) => around(() => original.apply(target, args), args)
  Object.defineProperty(target, method, { value: before, configurable: true, writable: true })
}

/** Times each call, by how it ended. */
export function timeCalls<T extends object>(
  timed: Timed,
  kind: string,
  target: T,
  ...methods: Asking<T>[]
): void {
  for (const method of methods)
    replace(target, method, async (work) => {
      const started = performance.now()
      let outcome = 'ok'
      try {
        return await work()
      } catch (error) {
        outcome = OUTCOMES[(error as Error)?.name] ?? OUTCOMES[kindOf(error)] ?? 'failed'
        throw error
      } finally {
        timed(kind, method, outcome, (performance.now() - started) / 1000)
      }
    })
}

export interface TraceOptions {
  attributes?: Attributes
  /** of this call */
  more?: (args: unknown[]) => Attributes
  /** also where nothing is being traced yet */
  alone?: boolean
}

/** Each call that is part of a request (or, `alone`, of anything) is a span: `kind method`. */
export function traceCalls<T extends object>(
  tracing: Tracing,
  kind: string,
  target: T,
  methods: Asking<T>[],
  { attributes = {}, more, alone = false }: TraceOptions = {},
): void {
  for (const method of methods)
    replace(target, method, (work, args) => {
      if (!alone && !tracing.active) return work()
      const all = more ? { ...attributes, ...more(args) } : attributes
      return tracing.within({ name: `${kind} ${method}`, kind: 'client', attributes: all }, work)
    })
}
