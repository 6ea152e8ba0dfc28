/** What is reached over the network: the issuer as apps see it, and the mail server. Sends no mail. */
import type { Config, Secrets } from '../../config/config.ts'
import { SmtpTransport } from '../../mail/smtp.ts'
import { Outbound } from '../../outbound/outbound.ts'
import type { FindingCode, Seen } from './findings.ts'

const PATIENCE_MS = 8000
/** The header has whole seconds; readers of our tokens allow about this much. */
const MAX_SKEW_MS = 5000

export async function lookAtIssuer({ issuer, mode, outboundAllow }: Config): Promise<Seen[]> {
  const area = 'issuer'
  const outbound = new Outbound({ allow: [...outboundAllow, issuer] })
  const asked = Date.now()
  let answer: Response
  try {
    answer = await outbound.fetch(`${issuer}/.well-known/openid-configuration`, { timeoutMs: PATIENCE_MS })
  } catch (error) {
    const code = mode === 'evaluation' ? 'issuer-not-running' : 'issuer-unreachable'
    return [{ area, code, what: `${issuer} does not answer: ${(error as Error).message}` }]
  }
  const took = Date.now() - asked
  const said = (await answer.json().catch(() => undefined)) as { issuer?: unknown } | undefined
  if (answer.status !== 200 || said?.issuer !== issuer) {
    const what =
      answer.status === 200
        ? `${issuer} calls itself ${JSON.stringify(said?.issuer ?? null).slice(0, 200)}`
        : `${issuer}/.well-known/openid-configuration answers ${answer.status}`
    return [{ area, code: 'issuer-wrong', what }]
  }
  const seen: Seen[] = [{ area, well: `${issuer} answers in ${took} ms` }]
  const theirs = Date.parse(answer.headers.get('date') ?? '')
  const skew = theirs - (asked + took / 2)
  if (Math.abs(skew) > MAX_SKEW_MS)
    seen.push({
      ...{ area, code: 'issuer-clock' },
      what: `its clock is ${Math.round(Math.abs(skew) / 1000)} seconds ${skew > 0 ? 'ahead of' : 'behind'} this machine's`,
    })
  return seen
}

export async function lookAtMail({ mail }: Config, { smtpUrl }: Secrets): Promise<Seen[]> {
  const area = 'mail'
  if (mail.kind === 'mailbox' || smtpUrl === undefined)
    return [{ area, code: 'mail-kept-here', what: 'no mail is sent: SMTP_URL is not set' }]
  const transport = new SmtpTransport({ url: smtpUrl, from: mail.from })
  const asked = performance.now()
  try {
    await transport.verify()
    return [
      { area, well: `${new URL(smtpUrl).host} takes us in ${Math.round(performance.now() - asked)} ms` },
    ]
  } catch (error) {
    const { message } = error as Error
    const code: FindingCode = /\bE(AUTH|NOAUTH|OAUTH2)\b/.test(message)
      ? 'mail-refused'
      : /\bETLS\b/.test(message)
        ? 'mail-tls'
        : 'mail-unreachable'
    return [{ area, code, what: `${new URL(smtpUrl).host}: ${message}` }]
  } finally {
    await transport.close()
  }
}
