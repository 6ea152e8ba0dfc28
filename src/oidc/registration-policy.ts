/**
 * The engine's registration policy (RFC 7591 3.1, RFC 7592 2.2): runs before a client is made or changed, whatever token
 * is presented. A statement of a trusted issuer has the first word, then what the token's operator allows; everything
 * else is checked afterwards for every client (`client-rules.ts`).
 */
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { beyondPolicy, policyOf, underPolicy } from '../domain/clients/registration-policy.ts'
import { type Admissions, POLICY } from './admissions.ts'
import { checkRegistered } from './registered-metadata.ts'
import type { SoftwareStatements } from './software-statements.ts'

type Features = NonNullable<Configuration['features']>
type Properties = Record<string, unknown>

export interface RegistrationPolicyDeps {
  admissions: Admissions
  statements: SoftwareStatements
}

export function registrationPolicy({ admissions, statements }: RegistrationPolicyDeps) {
  return async (ctx: KoaContextWithOIDC, properties: Properties): Promise<void> => {
    const changed = ctx.oidc.route === 'client_update' ? ctx.oidc.client : undefined
    const admission = changed ? await admissions.ofClient(changed.clientId) : admissions.ofRequest(ctx)
    const policy = policyOf(admission)
    const before = changed?.software_statement
    await statements.apply(properties, typeof before === 'string' ? before : undefined)
    if (policy.softwareStatement && properties.software_statement === undefined)
      throw new errors.InvalidSoftwareStatement('a software_statement is needed here (RFC 7591 2.3)')
    Object.assign(properties, underPolicy(policy, properties))
    checkRegistered(properties)
    const [wrong] = beyondPolicy(policy, properties)
    if (wrong) throw new errors.InvalidClientMetadata(`${wrong.member} ${wrong.reason}`)
  }
}

export interface RegistrationFeatureDeps extends RegistrationPolicyDeps {
  /** off: no endpoint at all; clients that registered before stay as they are */
  enabled: boolean
}

export function registrationFeatures({
  enabled,
  ...deps
}: RegistrationFeatureDeps): Pick<Features, 'registration' | 'registrationManagement'> {
  if (!enabled) return { registration: { enabled }, registrationManagement: { enabled } }
  const policies = { [POLICY]: registrationPolicy(deps) }
  return {
    registration: { enabled, initialAccessToken: true, policies: policies as never },
    registrationManagement: { enabled, rotateRegistrationAccessToken: true },
  }
}
