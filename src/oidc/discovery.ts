/** What the discovery document says besides what the engine knows of itself (RFC 8414 2, OpenID Connect Discovery 1.0 3). */
import { PROMPTS } from './prompts.ts'

/** Addresses of the operator's own pages; what is not there is not named. */
export interface OperatorPages {
  docs: string | undefined
  policy: string | undefined
  terms: string | undefined
}

/** BCP 47; more when there are more catalogues. */
const LANGUAGES = ['en']

export function discovery({ docs, policy, terms }: OperatorPages): Record<string, unknown> {
  return {
    ui_locales_supported: LANGUAGES,
    prompt_values_supported: PROMPTS,
    service_documentation: docs,
    op_policy_uri: policy,
    op_tos_uri: terms,
  }
}
