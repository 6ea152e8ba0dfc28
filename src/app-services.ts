/** Part of the composition root: what the pages ask of the domain. */
import type { Config } from './config/config.ts'
import { CommonPasswords } from './crypto/common-passwords.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom as random } from './crypto/random.ts'
import { Approvals } from './domain/approvals/approvals.ts'
import { EmailVerification } from './domain/email/verification.ts'
import type { PasswordPolicy } from './domain/passwords/policy.ts'
import { PasswordReset } from './domain/passwords/reset.ts'
import type { Clock, PasswordHasher } from './domain/ports.ts'
import type { Throttle } from './domain/protection/throttle.ts'
import { Registration } from './domain/registration/service.ts'
import { Setup } from './domain/setup/service.ts'
import { ProgressStore } from './domain/sign-in/progress.ts'
import { SignIn } from './domain/sign-in/service.ts'
import type { Services } from './http/deps.ts'
import type { Storage } from './storage/choose.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface ServiceParts {
  storage: Storage
  keyring: Keyring
  hasher: PasswordHasher
  throttle: Throttle
  clock: Clock
  policy: PasswordPolicy
  measures: Pick<Metrics, 'signIn'>
}

export function passwordPolicy(config: Config): PasswordPolicy {
  const common = CommonPasswords.load()
  return {
    minLength: config.password.minLength,
    isCommon: (password) => common.isCommon(password),
    contextWords: [config.brandName],
  }
}

export function servicesOfPages({
  storage,
  keyring,
  hasher,
  throttle,
  clock,
  policy,
  measures,
}: ServiceParts) {
  const { database, ephemeral } = storage
  const keyed = keyring
  return {
    throttle,
    progress: new ProgressStore(ephemeral),
    signIn: new SignIn({ database, hasher, throttle, keyed, counted: (result) => measures.signIn(result) }),
    registration: new Registration({ database, hasher, throttle, random, policy }),
    verification: new EmailVerification({ database, hasher, throttle, random, keyed }),
    reset: new PasswordReset({ database, hasher, throttle, random, keyed, clock, policy }),
    setup: new Setup({ database, hasher, random, keyed, policy }),
    approvals: new Approvals({ ephemeral, keyed, random }),
  } satisfies Services
}
