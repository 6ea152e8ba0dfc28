/**
 * The engine's registration policy (RFC 7591 3.1, RFC 7592 2.2): runs before a client is made or changed, whatever token
 * is presented. A statement of a trusted issuer has the first word, then what the token's operator allows; everything
 * else is checked afterwards for every client (`client-rules.ts`).
 */
import { randomBytes } from 'node:crypto'
import type Provider from 'oidc-provider'
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { beyondPolicy, policyOf, underPolicy } from '../domain/clients/registration-policy.ts'
import { type Admissions, POLICY } from './admissions.ts'
import { OPERATOR_METADATA } from './client-adapter.ts'
import { checkBinding, type Mtls } from './mtls.ts'
import { checkRegistered } from './registered-metadata.ts'
import type { SoftwareStatements } from './software-statements.ts'

type Features = NonNullable<Configuration['features']>
const SECRET_BYTES = 48

type Properties = Record<string, unknown>

export interface RegistrationPolicyDeps {
  admissions: Admissions
  statements: SoftwareStatements
  mtls: Mtls | undefined
}

export function registrationPolicy({ admissions, statements, mtls }: RegistrationPolicyDeps) {
  return async (ctx: KoaContextWithOIDC, properties: Properties): Promise<void> => {
    // Named before what it would bring with it.
    const ours = OPERATOR_METADATA.find((name) => properties[name] !== undefined)
    if (ours) throw new errors.InvalidClientMetadata(`${ours} is set by the operator, not by registration`)
    const changed = ctx.oidc.route === 'client_update' ? ctx.oidc.client : undefined
    const admission = changed ? await admissions.ofClient(changed.clientId) : admissions.ofRequest(ctx)
    const policy = policyOf(admission)
    const before = changed?.software_statement
    await statements.apply(properties, typeof before === 'string' ? before : undefined)
    if (policy.softwareStatement && properties.software_statement === undefined)
      throw new errors.InvalidSoftwareStatement('a software_statement is needed here (RFC 7591 2.3)')
    Object.assign(properties, underPolicy(policy, properties))
    if (!changed) settleSecret(ctx.oidc.provider, properties)
    checkRegistered(properties)
    // The engine drops what it does not know before its own validator looks.
    checkBinding(mtls, properties)
    const [wrong] = beyondPolicy(policy, properties)
    if (wrong) throw new errors.InvalidClientMetadata(`${wrong.member} ${wrong.reason}`)
  }
}

/** The engine made a secret, or none, for what was asked; what is registered may be something else by now. */
function settleSecret(provider: Provider, properties: Properties): void {
  const { Client } = provider as unknown as { Client: { needsSecret(metadata: unknown): boolean } }
  if (!Client.needsSecret(properties)) {
    delete properties.client_secret
    delete properties.client_secret_expires_at
  } else if (properties.client_secret === undefined) {
    properties.client_secret = randomBytes(SECRET_BYTES).toString('base64url')
    properties.client_secret_expires_at = 0
  }
}

export interface RegistrationFeatureDeps extends Omit<RegistrationPolicyDeps, 'mtls'> {
  /** off: no endpoint at all; clients that registered before stay as they are */
  enabled: boolean
}

export function registrationFeatures(
  { enabled, ...deps }: RegistrationFeatureDeps,
  mtls: Mtls | undefined,
): Pick<Features, 'registration' | 'registrationManagement'> {
  if (!enabled) return { registration: { enabled }, registrationManagement: { enabled } }
  const policies = { [POLICY]: registrationPolicy({ ...deps, mtls }) }
  return {
    registration: { enabled, initialAccessToken: true, policies: policies as never },
    registrationManagement: { enabled, rotateRegistrationAccessToken: true },
  }
}
