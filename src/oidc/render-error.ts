/** Which page of ours stands for an error of the engine. JSON answers never come here. */
import type { ErrorOut, errors, KoaContextWithOIDC } from 'oidc-provider'
import type { Failures } from './failures.ts'
import type { EnginePages, EngineProblem } from './pages.ts'

type OIDCProviderError = InstanceType<typeof errors.OIDCProviderError>

export function renderError(pages: EnginePages, failures: Failures) {
  return async (ctx: KoaContextWithOIDC, out: ErrorOut, error: OIDCProviderError | Error): Promise<void> => {
    const failureCode = failures.note(ctx, error)
    const explained = await failures.explain(ctx)
    const client = ctx.oidc?.entities?.Client
    pages.problem(ctx, {
      status: ctx.status,
      error: out.error,
      description: out.error_description,
      kind: kindOf(out, error, ctx),
      client,
      failureCode,
      explained,
    })
  }
}

function kindOf(out: ErrorOut, error: Error, ctx: KoaContextWithOIDC): EngineProblem['kind'] {
  if (error.name === 'SessionNotFound') return 'request-expired'
  switch (out.error) {
    case 'invalid_redirect_uri':
      return 'redirect-uri'
    case 'access_denied':
      return 'access-denied'
    case 'temporarily_unavailable':
      return 'unavailable'
    case 'server_error':
      return 'server-error'
    case 'invalid_client':
      return 'unknown-client'
    default:
      return ctx.oidc?.params?.client_id && !ctx.oidc.client ? 'unknown-client' : 'invalid-request'
  }
}
