/** Sign-in without a browser (draft-ietf-oauth-first-party-apps), which is a grant type to the engine. */
import { type Rule, rfc, type Standard, says } from '../rule.ts'

const draft = (section: string): Standard => ({
  name: `OAuth 2.0 for First-Party Applications (draft), section ${section}`,
  url: `https://datatracker.ietf.org/doc/html/draft-ietf-oauth-first-party-apps-04#section-${section}`,
})

const notMarked: Rule = (failure) => {
  if (!says(failure, /grant type is not allowed for this client|may not sign people in by itself/))
    return undefined
  if (!failure.sent.grant_type?.endsWith(':authorization-challenge')) return undefined
  return {
    cause: 'first-party-not-marked',
    summary: 'The client may not sign people in with forms of its own.',
    expected: '"first_party": true and "first_party_challenge": true',
    change: 'Set both in the entry of the client, if the app is your own; a registration cannot.',
    standard: draft('9.1'),
  }
}

const notBegun: Rule = (failure) => {
  if (!says(failure, 'either request_uri or auth_session is needed')) return undefined
  return {
    cause: 'first-party-not-begun',
    summary: 'A sign-in without a browser begins with a pushed request and goes on with auth_session.',
    expected: 'request_uri with username and password, or auth_session',
    change: 'Push the authorization request first (/par) and send the request_uri that it answers.',
    standard: rfc(9126, '2'),
  }
}

const unboundProof: Rule = (failure) => {
  if (!says(failure, 'the pushed request is bound to no key')) return undefined
  return {
    cause: 'first-party-unbound-proof',
    summary: 'The sign-in brought a DPoP proof, and the pushed request had none.',
    change: 'Send a DPoP proof by the same key with the pushed request too, so that the code is bound to it.',
    standard: draft('9.5.1'),
  }
}

const responseMode: Rule = (failure) => {
  if (!says(failure, 'response_mode has no meaning at this endpoint')) return undefined
  return {
    cause: 'first-party-response-mode',
    summary: 'The answer is JSON, so there is no response mode to choose.',
    change: 'Leave response_mode out of the pushed request.',
    standard: draft('4.1'),
  }
}

export const firstPartyRules: readonly Rule[] = [notMarked, notBegun, unboundProof, responseMode]
