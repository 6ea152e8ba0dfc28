/** What the client has elsewhere and we could not get: its keys, the list behind its sector identifier. */
import { oidcCore, type Rule, says, textOf } from '../rule.ts'

/** As `outbound/` asks for it. */
const EXPECTED =
  'an https address on the public internet, or at an origin of OUTBOUND_ALLOW, that answers 200 within 2.5 seconds, with at most 64 KiB and no redirect'

const keys: Rule = (failure, known) => {
  // Of a client assertion the engine keeps no more than the name of the error.
  const ofAssertion = failure.error === 'invalid_client' && failure.detail === 'invalid_client_metadata'
  if (!ofAssertion && !says(failure, 'JSON Web Key Set failed to be refreshed')) return undefined
  return {
    cause: 'client-keys-unreachable',
    summary: "The client's keys could not be fetched from its jwks_uri.",
    sent: textOf(known.client, 'jwks_uri'),
    expected: EXPECTED,
    change:
      'Make the jwks_uri answer so (ask it from where Ostiary runs; after five failures it is left alone for 30 seconds), or register the keys themselves as jwks.',
    standard: oidcCore('10.1.1'),
  }
}

const sector: Rule = (failure) => {
  if (!says(failure, 'could not load sector_identifier_uri')) return undefined
  return {
    cause: 'sector-identifier-unreachable',
    summary: 'The list behind sector_identifier_uri could not be fetched.',
    expected: EXPECTED,
    change: 'Make the sector_identifier_uri answer so, or register without it.',
    standard: oidcCore('8.1'),
  }
}

export const fetchedRules: readonly Rule[] = [keys, sector]
