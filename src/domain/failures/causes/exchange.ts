/** Tokens that are exchanged for others (RFC 8693), by the words of `oidc/exchange/`. */
import type { FailureRecord } from '../record.ts'
import { type Explanation, type Rule, rfc, says } from '../rule.ts'

const TYPE = 'urn:ietf:params:oauth:token-type:access_token'

interface Case {
  words: string | RegExp
  /** the parameter that is shown as sent */
  about: string
  says(failure: FailureRecord): Omit<Explanation, 'sent' | 'standard'>
  section: string
}

const CASES: readonly Case[] = [
  {
    words: 'the client may not exchange tokens for this resource',
    about: 'resource',
    section: '2.2.2',
    says: () => ({
      cause: 'exchange-target-not-allowed',
      summary: 'The client may exchange tokens, and not for this API.',
      expected: 'an audience that its token_exchange names',
      change: 'Add the API to audiences in the client’s token_exchange.',
    }),
  },
  {
    words: 'the client may not exchange tokens',
    about: 'grant_type',
    section: '2.2.2',
    says: () => ({
      cause: 'exchange-not-allowed',
      summary: 'Nobody may exchange tokens unless an operator says so, and of this client none has.',
      expected: 'a confidential client with token_exchange',
      change: 'Give the client "token_exchange": {"audiences": ["…"]} in CLIENTS_FILE.',
    }),
  },
  {
    words: 'cannot be bound to a key',
    about: 'grant_type',
    section: '5',
    says: () => ({
      cause: 'exchange-wants-binding',
      summary:
        'The client has to have, or asks for, tokens that are bound to a key, and exchange gives bearer tokens.',
      expected: 'no DPoP proof, and a client without dpop_bound_access_tokens',
      change: 'Leave the DPoP header out, or exchange with a client of its own that may use bearer tokens.',
    }),
  },
  {
    words: /(subject|actor)_token is bound to a key/,
    about: 'subject_token',
    section: '5',
    says: () => ({
      cause: 'exchange-token-bound',
      summary: 'The token is bound to a key of whoever it was issued to, so nobody else can make use of it.',
      expected: 'a bearer token',
      change: 'Let the app get a bearer token for this API, or let it call the next API by itself.',
    }),
  },
  {
    words: 'resource or audience must name the API',
    about: 'resource',
    section: '2.1',
    says: () => ({
      cause: 'exchange-target-missing',
      summary: 'The request does not say for which API the new token is to be.',
      expected: 'one resource',
      change: 'Send resource (or audience) with the audience of the API.',
    }),
  },
  {
    words: 'one resource at a time',
    about: 'resource',
    section: '2.2.2',
    says: () => ({
      cause: 'exchange-several-targets',
      summary: 'The request names more than one API, and a token is for one.',
      expected: 'one resource',
      change: 'Exchange once for each API.',
    }),
  },
  {
    words: /(subject|actor)_token is not valid/,
    about: 'subject_token',
    section: '2.2.2',
    says: ({ detail }) => ({
      cause: 'exchange-token-invalid',
      summary: `The token that was shown cannot be used${detail ? `: ${detail}` : ''}.`,
      expected: 'an access token of this server that is still good; of JWTs those of an exchangeable API',
      change: 'Exchange a token while it is good; if it is a JWT, mark its API as exchangeable.',
    }),
  },
  {
    words: 'subject_token was neither issued to this client nor for it',
    about: 'subject_token',
    section: '1.1',
    says: ({ clientId }) => ({
      cause: 'exchange-token-foreign',
      summary: 'The token was neither issued to this client nor sent to it as an API.',
      expected: `a token of client ${clientId ?? ''}, or one whose audience is ${clientId ?? 'its id'}`,
      change: 'Exchange with the client whose id is the audience of the API that was called.',
    }),
  },
  {
    words: 'actor_token was not issued to this client',
    about: 'actor_token',
    section: '2.1',
    says: () => ({
      cause: 'exchange-actor-foreign',
      summary: 'The actor token is another client’s, so this one cannot speak for its actor.',
      expected: 'a token that was issued to this client, or none',
      change: 'Leave actor_token out (the client itself is the actor then), or send one of its own.',
    }),
  },
  {
    words: 'actor_token must be a JWT where people have pairwise names',
    about: 'actor_token',
    section: '4.1',
    says: () => ({
      cause: 'exchange-actor-unnamed',
      summary: 'The client knows people by names of its own, and an opaque token does not tell which.',
      expected: 'an actor token for an API with JWTs, or none',
      change: 'Leave actor_token out (the client itself is the actor then), or send a JWT of the person.',
    }),
  },
  {
    words: 'tokens for this API cannot be exchanged',
    about: 'subject_token',
    section: '2.2.2',
    says: () => ({
      cause: 'exchange-api-closed',
      summary: 'The API the token is for does not let its tokens be exchanged.',
      expected: 'a token for an exchangeable API',
      change: 'Open it: ostiary resource-server update AUDIENCE --exchangeable (or in RESOURCE_SERVERS).',
    }),
  },
  {
    words: 'subject_token is of no person',
    about: 'subject_token',
    section: '2.1',
    says: () => ({
      cause: 'exchange-without-person',
      summary: 'The token is a client’s own: there is nobody in whose name to go on.',
      expected: 'an access token that a person’s sign-in led to',
      change: 'Ask for a token of the client’s own instead, with client_credentials.',
    }),
  },
  {
    words: /(subject|actor)_token_type must be|come together|requested_token_type must be|takes no JWTs/,
    about: 'requested_token_type',
    section: '3',
    says: ({ description }) => ({
      cause: 'exchange-type-unknown',
      summary: `The request names a type of token that is not exchanged here: ${description ?? ''}.`,
      expected: TYPE,
      change: `Send subject_token_type=${TYPE}, and leave requested_token_type out.`,
    }),
  },
  {
    words: 'the subject token does not allow these scopes',
    about: 'scope',
    section: '2.2.2',
    says: () => ({
      cause: 'exchange-scope-wider',
      summary: 'Exchange never gives more than the token that is shown allows, and these scopes are more.',
      expected: 'scopes that both the token has and the API knows',
      change: 'Let the app ask for the scope in the first place, or leave scope out to get what can be had.',
    }),
  },
  {
    words: 'too many have acted for the person already',
    about: 'subject_token',
    section: '4.1',
    says: () => ({
      cause: 'exchange-chain-too-long',
      summary: 'The token was passed on from one API to the next five times.',
      expected: 'at most five who act one for the other',
      change: 'Look for APIs that call each other in a circle.',
    }),
  },
]

export const exchangeRules: readonly Rule[] = CASES.map(
  (one): Rule =>
    (failure) => {
      if (failure.endpoint !== 'token' || !says(failure, one.words)) return undefined
      return { ...one.says(failure), sent: failure.sent[one.about], standard: rfc(8693, one.section) }
    },
)
