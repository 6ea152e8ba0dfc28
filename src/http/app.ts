/** The Koa application: reads like a list, in the order a request meets it. */
import Koa, { type Middleware } from 'koa'
import type { AuthorizationTypes } from '../domain/authorization/type.ts'
import type { Ephemeral } from '../domain/ports.ts'
import type { Tracing } from '../lib/tracing.ts'
import type { Operations } from '../oidc/operations.ts'
import { ENDPOINTS } from '../oidc/routes.ts'
import type { unitOfWork } from '../oidc/unit-of-work.ts'
import { approve } from './approve.ts'
import { createAssets } from './assets.ts'
import type { HttpDeps } from './deps.ts'
import { devicePageThrottle } from './device-throttle.ts'
import { forgotPassword } from './forgot-password.ts'
import { type HomeDeps, home } from './home.ts'
import { interactionRouter } from './interaction/router.ts'
import { live } from './live.ts'
import { mailLinks } from './mail-links.ts'
import { type MailboxDeps, mailbox } from './mailbox.ts'
import { metadataCaching } from './metadata-caching.ts'
import { errors } from './middleware/errors.ts'
import { admit, type FrontDoorOptions, identify } from './middleware/front-door.ts'
import { requestLog } from './middleware/log.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import { traced } from './middleware/traced.ts'
import { openApp } from './open-app.ts'
import { type HealthDeps, health } from './ops/health.ts'
import { type MetricsDeps, measured, metrics } from './ops/metrics.ts'
import { passwordHint } from './password-hint.ts'
import { registrationThrottle } from './registration-throttle.ts'
import { resourceMetadataPages } from './resource-metadata.ts'
import { setup } from './setup.ts'

export interface HttpAppDeps extends HttpDeps {
  frontDoor: FrontDoorOptions
  health: HealthDeps
  home: HomeDeps
  /** evaluation mode only */
  mailbox: MailboxDeps | undefined
  ephemeral: Ephemeral
  /** whether applications register without a token */
  openRegistration: boolean
  authorizationTypes: AuthorizationTypes
  unitOfWork: ReturnType<typeof unitOfWork>
  resourceMetadata: Parameters<typeof resourceMetadataPages>[0]
  assetsDir: string
  metrics: MetricsDeps
  /** undefined: nothing is traced */
  tracing: Tracing | undefined
  operations: Operations
  /** the REST API with its documentation */
  api: Middleware
  isUnavailable: (error: unknown) => boolean
}

/** Codes of a connection that ended in the middle: anybody can bring that about, and it is no fault of ours. */
const THEIRS = /^(?:ECONN|EPIPE$|HPE_|ERR_HTTP_REQUEST_TIMEOUT$)/

export function createHttpApp(deps: HttpAppDeps): Koa {
  const app = new Koa({ proxy: true })
  // What the engine verifies this app has signed: the keys must be the same, always.
  Object.defineProperty(app, 'keys', { get: () => deps.engine.cookieKeys })
  app.on('error', (err: NodeJS.ErrnoException) => {
    if (THEIRS.test(String(err.code))) deps.log.debug({ err }, 'whoever asked went away')
    else deps.log.error({ err }, 'the answer could not be sent')
  })

  app.use(measured(deps.metrics))
  app.use(identify(deps.frontDoor))
  if (deps.tracing) app.use(traced(deps.tracing))
  app.use(requestLog(deps.log))
  app.use(metadataCaching(deps.engine, deps.frontDoor.issuer))
  app.use(securityHeaders({ https: deps.frontDoor.issuer.startsWith('https:') }))
  app.use(errors(deps))
  app.use(health(deps.health))
  app.use(metrics(deps.metrics))
  app.use(admit(deps.frontDoor))
  app.use(createAssets(deps.assetsDir))
  app.use(resourceMetadataPages(deps.resourceMetadata))
  app.use(deps.api)
  // Each answer is a unit of work of its own, of which the page tells how it went.
  app.use(approve(deps).routes() as unknown as Middleware)
  // Everything the engine keeps for a request is written as one, before its answer leaves.
  app.use(deps.unitOfWork as unknown as Middleware)
  const engine = live(deps.engine, deps.operations)
  app.use(shortWay(engine))
  const routers = [
    home(deps.home),
    openApp({ clients: deps.database.clients, issuer: deps.frontDoor.issuer }),
    interactionRouter(deps),
    mailLinks(deps),
    forgotPassword(deps),
    passwordHint(deps),
    setup(deps),
    ...(deps.mailbox ? [mailbox(deps.mailbox)] : []),
  ]
  for (const router of routers) {
    app.use(router.routes() as unknown as Middleware)
    app.use(router.allowedMethods() as unknown as Middleware)
  }
  app.use(devicePageThrottle(deps.services.throttle))
  if (deps.openRegistration) app.use(registrationThrottle(deps.services.throttle))
  app.use(engine)
  return app
}

/** Endpoints that are asked again and again have no need to be compared with every page first. */
function shortWay(engine: Middleware): Middleware {
  const asked = new Set<string>([ENDPOINTS.token, ENDPOINTS.introspection, ENDPOINTS.userinfo])
  return (ctx, next) => (asked.has(ctx.path) ? engine(ctx, next) : next())
}
