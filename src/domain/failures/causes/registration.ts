/** Why an application was not let in: tokens, statements and documents by which it comes (RFC 7591, client ID metadata). */
import { type Rule, rfc, says } from '../rule.ts'

/** What a token lacks, by our own words (`clients/initial-access-token.ts`). */
const CLOSED: [RegExp, string, string][] = [
  [/initial access token has expired/, 'initial-access-token-expired', 'has expired'],
  [/initial access token is used up/, 'initial-access-token-used-up', 'is used up'],
  [/initial access token was revoked/, 'initial-access-token-revoked', 'was revoked'],
  [/initial access token has as many/, 'initial-access-token-full', 'has as many clients as it may have'],
]

const closed: Rule = (failure) => {
  const [, cause, what] = CLOSED.find(([words]) => says(failure, words)) ?? []
  if (cause === undefined) return undefined
  return {
    cause,
    summary: `The initial access token is a right one, but it ${what}.`,
    expected: 'one that "ostiary initial-access-token list" shows as open',
    change: 'Ask the operator for a new one: ostiary initial-access-token create NAME.',
    standard: rfc(7591, '3'),
  }
}

const statement: Rule = (failure) => {
  if (!/^(invalid|unapproved)_software_statement$/.test(failure.error)) return undefined
  const unapproved = failure.error === 'unapproved_software_statement'
  return {
    cause: unapproved ? 'software-statement-unapproved' : 'software-statement-invalid',
    summary: `The software statement was not accepted: ${failure.description ?? failure.error}.`,
    sent: failure.sent.software_statement ?? 'no software_statement',
    expected: 'a JWT that an issuer in SOFTWARE_STATEMENT_ISSUERS signed, with iss and iat, not expired',
    change: unapproved
      ? 'Name the issuer and its keys in SOFTWARE_STATEMENT_ISSUERS, or take a statement of another issuer.'
      : 'Get a new statement from its issuer, and send it as it is.',
    standard: rfc(7591, unapproved ? '3.2.2' : '2.3'),
  }
}

const beyondPolicy: Rule = (failure) => {
  if (!/^(registration|client_update)$/.test(failure.endpoint)) return undefined
  const [, member] = /^(\w+) must not hold .*; allowed/.exec(failure.description ?? '') ?? []
  if (member === undefined) return undefined
  return {
    cause: 'registration-policy',
    summary: `What lets this application in does not let it have this: ${failure.description}.`,
    sent: failure.sent[member],
    change: `Change ${member}, or ask the operator for an initial access token that allows it.`,
    standard: rfc(7591, '3.1'),
  }
}

const document: Rule = (failure) => {
  if (!says(failure, 'client_id metadata document at')) return undefined
  return {
    cause: 'client-document',
    summary: `The client_id is the address of a document, and it was not accepted: ${failure.description}.`,
    sent: failure.clientId,
    expected:
      'a JSON object of at most 5 KiB with this very client_id, no secret, and redirect_uris at its own host or on loopback',
    change: 'Mend the document; it is looked at again after a minute.',
    standard: rfc(7591, '2'),
  }
}

const documentsOff: Rule = (failure, known) => {
  if (!says(failure, 'client not found') || known.client !== undefined) return undefined
  if (!/^https?:\/\//.test(failure.clientId ?? '')) return undefined
  return {
    cause: 'client-document-not-asked',
    summary: 'The client_id is an address, and documents of its host are not read here.',
    sent: failure.clientId,
    change:
      'Name its host in CLIENT_ID_METADATA_HOSTS, or register the client. The address needs a path, and nothing in it that a browser would change.',
    standard: rfc(7591, '2'),
  }
}

export const registrationRules = [closed, statement, beyondPolicy, document, documentsOff]
