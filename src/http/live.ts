/** The engine as a middleware that follows its keys. */
import type Koa from 'koa'
import type { Middleware } from 'koa'
import mount from 'koa-mount'
import type { Engine } from '../oidc/engine.ts'
import type { Operations } from '../oidc/operations.ts'

/** The engine's Provider of the moment: each request stays with the one it began with. */
export function live(engine: Engine, operations: Pick<Operations, 'around'>): Middleware {
  const mounted = new WeakMap<object, Middleware>()
  return (ctx, next) => {
    const { provider } = engine
    let handle = mounted.get(provider)
    if (!handle) {
      handle = mount(provider as unknown as Koa)
      mounted.set(provider, handle)
    }
    const run = handle
    return operations.around(ctx, () => run(ctx, next))
  }
}
