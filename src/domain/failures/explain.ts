/**
 * Why a request failed and which one change makes it pass. Pure: a record, what is registered, a list of rules. The
 * first rule that recognises the failure explains it. Sentences here are for developers and in English, as the
 * descriptions of OAuth errors are (RFC 6749 5.2).
 */

import { authorizationDetailsRules } from './causes/authorization-details.ts'
import { certificateRules } from './causes/certificates.ts'
import { cibaRules } from './causes/ciba.ts'
import { clientRules } from './causes/clients.ts'
import { clockRules } from './causes/clock.ts'
import { dpopRules } from './causes/dpop.ts'
import { exchangeRules } from './causes/exchange.ts'
import { fetchedRules } from './causes/fetched.ts'
import { firstPartyRules } from './causes/first-party.ts'
import { grantRules } from './causes/grants.ts'
import { pkceRules } from './causes/pkce.ts'
import { redirectRules } from './causes/redirects.ts'
import { registrationRules } from './causes/registration.ts'
import { requestRules } from './causes/requests.ts'
import { scopeRules } from './causes/scopes.ts'
import { signInRules } from './causes/sign-in.ts'
import type { FailureRecord } from './record.ts'
import { type Explanation, type Known, type Rule, rfc } from './rule.ts'

/** In this order: what is certain before what is only likely. */
const RULES: readonly Rule[] = [
  ...clockRules,
  ...firstPartyRules,
  ...cibaRules,
  ...dpopRules,
  ...pkceRules,
  ...redirectRules,
  ...certificateRules,
  ...registrationRules,
  ...authorizationDetailsRules,
  ...fetchedRules,
  ...clientRules,
  ...exchangeRules,
  ...grantRules,
  ...scopeRules,
  ...signInRules,
  ...requestRules,
]

/** Always answers: what no rule knows is explained by the error itself. */
export function explain(failure: FailureRecord, known: Known): Explanation {
  for (const rule of RULES) {
    const explanation = rule(failure, known)
    if (explanation) return explanation
  }
  const words = [failure.description, failure.detail].filter(Boolean).join('; ')
  return {
    cause: 'other',
    summary: `The request was refused with ${failure.error}${words === '' ? '' : `: ${words}`}.`,
    change: 'Change what the error names; the log has a line with the same request id.',
    standard: rfc(6749, failure.endpoint === 'authorization' ? '4.1.2.1' : '5.2'),
  }
}
