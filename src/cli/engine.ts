/** The engine without a server around it, for what only it knows: what a client's metadata may say. */
import { fileURLToPath } from 'node:url'
import { openEngine } from '../app-engine.ts'
import { openMetrics } from '../app-metrics.ts'
import { openOutbound } from '../app-parts.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom as random } from '../crypto/random.ts'
import { Approvals } from '../domain/approvals/approvals.ts'
import { EmailVerification } from '../domain/email/verification.ts'
import { DEFAULT_LIMITS, Throttle } from '../domain/protection/throttle.ts'
import { SignIn } from '../domain/sign-in/service.ts'
import { Pages } from '../http/pages.ts'
import { createRenderer } from '../http/render.ts'
import type { Engine } from '../oidc/engine.ts'
import { Operations } from '../oidc/operations.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { Opened } from './stores.ts'

const VIEWS = fileURLToPath(new URL('../../views', import.meta.url))

export async function engineOf({ config, secrets, storage, keyring }: Opened): Promise<Engine> {
  const { database, ephemeral } = storage
  const { brandName } = config
  const log = createLogger('silent')
  const clock = { now: () => new Date() }
  const keyed = keyring
  const hasher = new Argon2Hasher(keyring)
  const throttle = new Throttle(ephemeral, DEFAULT_LIMITS)
  const outbound = await openOutbound(config, log)
  const measures = openMetrics(storage, hasher, outbound)
  try {
    const evaluation = config.mode === 'evaluation'
    const renderer = createRenderer({ viewsDir: VIEWS, brandName, evaluation })
    const { engine } = await openEngine({
      ...{ config, secrets, storage, keyring, clock, log, outbound },
      pages: new Pages(renderer, { brandName, evaluation, clock }),
      services: {
        signIn: new SignIn({ database, hasher, throttle, keyed, counted: () => {} }),
        verification: new EmailVerification({ database, hasher, throttle, random, keyed }),
        approvals: new Approvals({ ephemeral, keyed, random }),
        throttle,
      },
      telemetry: { measures, operations: new Operations({ observe: () => {}, tracing: undefined }) },
      mailSoon: () => {},
      accessEnded: () => {},
    })
    return engine
  } finally {
    measures.close()
  }
}
