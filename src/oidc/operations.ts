/**
 * How long each operation of the engine takes and how it ends, in a word: `ok`, or the error's code. What the commit of
 * its unit of work makes of it afterwards is counted there.
 */
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Tracing } from '../lib/tracing.ts'
import { REFUSALS } from './events.ts'

export interface OperationDeps {
  observe: (operation: string, outcome: string, seconds: number) => void
  /** undefined: nothing is traced */
  tracing: Tracing | undefined
}

const CODE = /^[a-z_]{3,40}$/

export class Operations {
  readonly #deps: OperationDeps
  readonly #outcomes = new WeakMap<object, string>()

  constructor(deps: OperationDeps) {
    this.#deps = deps
  }

  /** Every Provider that takes requests is listened to. */
  listen(provider: Provider): void {
    const on = provider.on.bind(provider) as (
      name: string,
      listener: (ctx: KoaContextWithOIDC, error: Error) => void,
    ) => unknown
    for (const name of [...REFUSALS, 'server_error'])
      on(name, (ctx, { message }) => this.#outcomes.set(ctx, CODE.test(message) ? message : 'server_error'))
  }

  /** @param run the engine's own handling, which names its operation in the context */
  async around(ctx: object, run: () => Promise<unknown>): Promise<void> {
    const { tracing } = this.#deps
    if (!tracing) return this.#timed(ctx, run)
    await tracing.within({ name: 'engine', kind: 'internal', attributes: {} }, async (span) => {
      await this.#timed(ctx, run)
      const operation = operationOf(ctx)
      if (operation !== undefined) span.rename(`engine ${operation}`)
      const outcome = this.#outcomes.get(ctx) ?? 'ok'
      span.set({ 'ostiary.outcome': outcome })
      if (outcome === 'server_error') span.failed(outcome)
    })
  }

  async #timed(ctx: object, run: () => Promise<unknown>): Promise<void> {
    const started = performance.now()
    await run()
    const operation = operationOf(ctx)
    if (operation === undefined) return
    const seconds = (performance.now() - started) / 1000
    this.#deps.observe(operation, this.#outcomes.get(ctx) ?? 'ok', seconds)
  }
}

/** undefined: it was no address of the engine's */
function operationOf(ctx: object): string | undefined {
  return (ctx as KoaContextWithOIDC).oidc?.route
}
