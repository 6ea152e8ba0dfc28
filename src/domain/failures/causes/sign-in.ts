/** prompt, max_age and what else an app asks of the person's sign-in (OpenID Connect Core 1.0, 3.1.2.1). */
import { nearest } from '../nearest.ts'
import { oidcCore, type Rule, says } from '../rule.ts'

const PROMPTS = ['none', 'login', 'consent', 'select_account']

const promptUnknown: Rule = (failure) => {
  if (!says(failure, 'unsupported prompt value')) return undefined
  const sent = failure.sent.prompt ?? ''
  const wrong = sent.split(' ').find((one) => !PROMPTS.includes(one)) ?? sent
  const near = nearest(wrong, PROMPTS)
  return {
    cause: 'prompt-unknown',
    summary: `prompt holds "${wrong}", which is not supported.`,
    sent,
    expected: PROMPTS.join(', '),
    nearest: near,
    change: near === undefined ? 'Leave prompt out.' : `Send prompt=${near}.`,
    standard: oidcCore('3.1.2.1'),
  }
}

const promptNoneCombined: Rule = (failure) => {
  if (!says(failure, 'prompt none must only be used alone')) return undefined
  return {
    cause: 'prompt-none-combined',
    summary: 'prompt=none says "show nothing", and another value asks to show something.',
    sent: failure.sent.prompt,
    expected: 'none alone',
    change: 'Send prompt=none alone, or leave none out.',
    standard: oidcCore('3.1.2.1'),
  }
}

const maxAge: Rule = (failure) => {
  if (!says(failure, 'invalid max_age parameter value')) return undefined
  return {
    cause: 'max-age-malformed',
    summary: 'max_age is not a number of seconds.',
    sent: failure.sent.max_age,
    expected: 'a whole number, 0 or more',
    change: 'Send max_age in seconds, or leave it out.',
    standard: oidcCore('3.1.2.1'),
  }
}

const tooLongAgo: Rule = (failure) => {
  const { max_age: age } = failure.sent
  if (failure.error !== 'login_required' || age === undefined || !says(failure, 'could not be obtained'))
    return undefined
  return {
    cause: 'sign-in-too-old',
    summary: `The person signed in more than ${age} seconds ago, and prompt=none forbids asking again.`,
    sent: `max_age=${age}, prompt=${failure.sent.prompt ?? ''}`,
    change: 'Ask again without prompt=none, so that the person can sign in.',
    standard: oidcCore('3.1.2.6'),
  }
}

const nobodySignedIn: Rule = (failure) => {
  if (failure.error !== 'login_required') return undefined
  return {
    cause: 'login-required',
    summary: says(failure, 'session has ended')
      ? 'The session of this browser has ended meanwhile.'
      : 'Nobody suitable is signed in here in this browser, and prompt=none forbids asking.',
    sent: failure.sent.prompt === undefined ? undefined : `prompt=${failure.sent.prompt}`,
    expected: 'a session in this browser (and its cookie: third-party frames may not get it)',
    change: 'Begin a sign-in without prompt=none.',
    standard: oidcCore('3.1.2.6'),
  }
}

const consentNeeded: Rule = (failure) => {
  if (failure.error !== 'consent_required' && failure.error !== 'interaction_required') return undefined
  return {
    cause: failure.error === 'consent_required' ? 'consent-required' : 'interaction-required',
    summary: 'The person would have to be asked, and prompt=none forbids asking.',
    sent: `prompt=${failure.sent.prompt ?? ''}, scope ${failure.sent.scope ?? 'none'}`,
    expected: 'only what the person has allowed before',
    change: 'Ask once without prompt=none, or for no more than was allowed.',
    standard: oidcCore('3.1.2.6'),
  }
}

const declined: Rule = (failure) => {
  if (failure.error !== 'access_denied') return undefined
  return {
    cause: 'declined',
    summary: 'The person declined, or gave up on the way. The request itself was right.',
    change: 'Offer the person to try again.',
    standard: {
      name: 'RFC 6749, section 4.1.2.1',
      url: 'https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1',
    },
  }
}

const hint: Rule = (failure) => {
  if (!says(failure, /id_token_hint/)) return undefined
  return {
    cause: 'id-token-hint',
    summary: 'The id_token_hint cannot be used: not an ID token of this issuer, or of another client.',
    sent: failure.sent.id_token_hint,
    expected: 'an ID token that this issuer gave to this client; expired ones will do',
    change: 'Send the newest ID token of this client, or leave id_token_hint out.',
    standard: oidcCore('3.1.2.1'),
  }
}

export const signInRules: readonly Rule[] = [
  ...[promptUnknown, promptNoneCombined, maxAge, tooLongAgo],
  ...[hint, nobodySignedIn, consentNeeded, declined],
]
