/**
 * A request to an endpoint of the engine that never leaves this process, for our own API: the same middleware, the same
 * unit of work, the same answer as for an app that asks from outside. No cookie comes with it and none comes back.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Koa from 'koa'
import type { Engine } from '../oidc/engine.ts'
import type { AskEngine } from '../oidc/first-party/app-sign-in.ts'
import type { Operations } from '../oidc/operations.ts'
import type { unitOfWork } from '../oidc/unit-of-work.ts'
import { live } from './live.ts'
import { stateOf } from './state.ts'

export function engineInside(
  engine: Engine,
  operations: Operations,
  issuer: string,
  unit: ReturnType<typeof unitOfWork>,
): AskEngine {
  const { host, protocol } = new URL(issuer)
  const app = new Koa({ proxy: true })
  Object.defineProperty(app, 'keys', { get: () => engine.cookieKeys })
  const handle = live(engine, operations)
  return async (path, form, facts) => {
    const body = Buffer.from(new URLSearchParams(form).toString())
    const request = Object.assign(new IncomingMessage(new Socket()), {
      ...{ method: 'POST', url: path, complete: true },
      // As the front door would have written them.
      headers: {
        ...{ host, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        ...{ 'content-length': String(body.length), 'user-agent': facts.userAgent ?? '' },
        ...{ 'x-forwarded-proto': protocol.slice(0, -1), 'x-forwarded-for': facts.ip },
      },
    })
    request.push(body)
    request.push(null)
    const ctx = app.createContext(request, new ServerResponse(request))
    stateOf(ctx).facts = facts
    await unit(ctx as never, async () => {
      await handle(ctx, async () => {})
    })
    return {
      status: ctx.status,
      body: (ctx.body ?? {}) as Record<string, unknown>,
      retryAfterSeconds: Number(ctx.response.get('Retry-After')) || undefined,
    }
  }
}
