/** When the engine stops for a person: choose an account, sign in, consent (OpenID Connect Core 1.0, 3.1.2.1). */
import { interactionPolicy } from 'oidc-provider'
import type { AuthorizationTypes } from '../domain/authorization/type.ts'
import { detailsCheck } from './authorization-details.ts'
import { isInside } from './first-party/authorize.ts'

const { base, Check, Prompt } = interactionPolicy

/** As discovery names them (Initiating User Registration via OpenID Connect 1.0, 5). */
export const PROMPTS = ['none', 'login', 'consent', 'select_account', 'create'] as const

export function prompts(types: AuthorizationTypes) {
  const policy = base()
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0)
  // Initiating User Registration via OpenID Connect 1.0, 4
  policy.add(new Prompt({ name: 'create', requestable: true }), 0)
  policy
    .get('login')
    ?.checks.add(
      new Check(
        'account_gone',
        'the account of the session no longer exists or was disabled',
        'login_required',
        (ctx) =>
          ctx.oidc.session?.accountId && !ctx.oidc.account ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    )
  // RFC 8252 8.6: another app may pretend to be this one, so a person looks at it. Inside, the person was there just now.
  const native = policy.get('consent')?.checks.get('native_client_prompt')
  if (!native) throw new Error('the engine asks native apps differently than it did')
  const { check } = native
  native.check = (ctx) => (isInside(ctx.req) ? Check.NO_NEED_TO_PROMPT : check(ctx))
  // The engine's own asks once a request, whatever was answered.
  const consent = policy.get('consent')?.checks
  consent?.remove('rar_prompt')
  consent?.add(detailsCheck(types))
  return policy
}
