/**
 * What an SMTP failure means for the mail (RFC 5321 4.2.1, RFC 3463). Only a refusal of this recipient or this message
 * is permanent. A 5xx to our greeting, login or sender address is about us: an operator mends it and the mail goes out.
 */
import { MailError, type MailFailure } from './transport.ts'

interface SmtpFacts {
  code?: unknown
  responseCode?: unknown
  command?: unknown
  response?: unknown
}

const NO_SESSION = ['EDNS', 'ETLS', 'EAUTH', 'ENOAUTH', 'EOAUTH2', 'EPROXY', 'ECONFIG']
/** Commands that are about the mail at hand. `API`: refused before anything was sent (a hopeless address). */
const ABOUT_THIS_MAIL = ['RCPT TO', 'DATA', 'API']

function failureOf({ code, responseCode, command }: SmtpFacts): MailFailure {
  if (NO_SESSION.includes(String(code))) return 'outage'
  if (command === 'CONN') return 'outage'
  if (code === 'EENVELOPE' && command === 'API') return 'permanent'
  const status = Number(responseCode ?? 0)
  if (status >= 500 && status < 600) {
    return ABOUT_THIS_MAIL.includes(String(command)) ? 'permanent' : 'outage'
  }
  return status === 421 ? 'outage' : 'temporary'
}

/** Codes only: a server's words may repeat the address or parts of the mail. */
function describe(facts: SmtpFacts): string {
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(String(facts.response ?? ''))?.[1]
  const known = [facts.code, facts.command, facts.responseCode, enhanced]
  const words = known.filter(
    (word) => typeof word === 'number' || /^[A-Z0-9. -]{1,24}$/.test(String(word ?? '')),
  )
  return `SMTP: ${words.join(' ') || 'failed'}`
}

export function toMailError(error: unknown): MailError {
  const facts = (typeof error === 'object' && error !== null ? error : {}) as SmtpFacts
  return new MailError(failureOf(facts), describe(facts))
}
