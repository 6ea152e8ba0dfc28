/** What the engine reports, as audit records and log lines. A listener must never fail the request it listens to. */
import type Provider from 'oidc-provider'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { AuditEvent, RequestFacts } from '../domain/audit/events.ts'
import type { AuditRepository } from '../domain/ports.ts'
import type { Logger } from '../lib/log.ts'
import type { Failures } from './failures.ts'

export interface EventDeps {
  audit: AuditRepository
  log: Logger
  failures: Failures
  /** the request as the front door recorded it */
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
}

export const REFUSALS = [
  'authorization.error',
  'grant.error',
  'introspection.error',
  'revocation.error',
  'userinfo.error',
  'pushed_authorization_request.error',
  'device_authorization.error',
  'backchannel_authentication.error',
  'registration_create.error',
  'registration_read.error',
  'registration_update.error',
  'registration_delete.error',
  'end_session.error',
  'end_session_confirm.error',
]

export interface EngineEvents {
  /** Every Provider that takes requests is listened to. */
  listen(provider: Provider): void
  /** resolves when every record begun so far is written (or lost, and logged) */
  settled(): Promise<void>
}

export function engineEvents(deps: EventDeps): EngineEvents {
  const pending = new Set<Promise<void>>()
  return {
    listen: (provider) => listen(provider, deps, pending),
    async settled() {
      await Promise.all(pending)
    },
  }
}

function listen(provider: Provider, deps: EventDeps, pending: Set<Promise<void>>): void {
  const record = (ctx: KoaContextWithOIDC, event: Omit<AuditEvent, 'request'>) => {
    const written = deps.audit
      .append({ ...event, request: deps.factsOf(ctx) })
      .catch((err: unknown) => deps.log.error({ err, event: event.name }, 'audit record lost'))
      .finally(() => pending.delete(written))
    pending.add(written)
  }
  const guarded =
    <A extends unknown[]>(listener: (...args: A) => void) =>
    (...args: A) => {
      try {
        listener(...args)
      } catch (err) {
        deps.log.error({ err }, 'event listener failed')
      }
    }
  const clientEvent = (name: AuditEvent['name']) =>
    guarded((ctx: KoaContextWithOIDC, client: Client) =>
      record(ctx, { name, outcome: 'success', clientId: client?.clientId ?? ctx.oidc.client?.clientId }),
    )

  provider.on(
    'end_session.success',
    guarded((ctx) => {
      // The engine also ends a session here when somebody else signs in; that is a sign-out too.
      if (ctx.oidc.params?.logout)
        record(ctx, { name: 'user.signed_out', outcome: 'success', userId: ctx.oidc.session?.accountId })
    }),
  )
  provider.on('registration_create.success', clientEvent('client.registered'))
  provider.on('registration_update.success', clientEvent('client.updated'))
  provider.on('registration_delete.success', clientEvent('client.deleted'))
  provider.on(
    'grant.revoked',
    guarded((ctx) =>
      record(ctx, { name: 'grant.revoked', outcome: 'success', clientId: ctx.oidc.client?.clientId }),
    ),
  )
  provider.on(
    'server_error',
    guarded((ctx, err) => {
      deps.log.error({ err, route: ctx.oidc?.route }, 'the engine failed')
      deps.failures.note(ctx, err)
    }),
  )
  const failed = (name: string) =>
    guarded((ctx: KoaContextWithOIDC, err: Error) => {
      const failure = deps.failures.note(ctx, err)
      const { error_detail: detail } = err as { error_detail?: string }
      deps.log.info(
        { event: name, error: err.message, detail, failure, clientId: ctx.oidc?.client?.clientId },
        'protocol request refused',
      )
    })
  const on = provider.on.bind(provider) as (name: string, listener: (...args: never[]) => void) => unknown
  for (const name of REFUSALS) on(name, failed(name))
}
