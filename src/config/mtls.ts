/** Where client certificates come from (RFC 8705), decided as a whole or not at all. Pure. */
import type { Config } from './config.ts'
import type { Fault } from './read-env.ts'
import type { SettingName, Settings } from './schema.ts'

/** Headers that mean something else already. */
const TAKEN =
  /^(host|authorization|cookie|dpop|origin|connection|content-.*|x-forwarded-.*|forwarded|x-request-id)$/

export function mtlsOf(settings: Settings): Config['mtls'] {
  const { MTLS_ORIGIN: origin, MTLS_CERT_HEADER: certHeader, MTLS_VERIFY_HEADER: verifyHeader } = settings
  if (origin === undefined || certHeader === undefined) return undefined
  return {
    origin: new URL(origin).origin,
    certHeader: certHeader.toLowerCase(),
    verifyHeader: verifyHeader?.toLowerCase(),
  }
}

export function checkMtls(settings: Settings, faults: Fault[]): void {
  const { MTLS_ORIGIN: origin, MTLS_CERT_HEADER: certHeader, MTLS_VERIFY_HEADER: verifyHeader } = settings
  const fault = (name: SettingName, problem: string) => faults.push({ name, problem })
  if ([origin, certHeader, verifyHeader].every((value) => value === undefined)) return
  if (origin === undefined)
    fault(
      'MTLS_ORIGIN',
      'is required with MTLS_CERT_HEADER: the address where the proxy asks for certificates',
    )
  else if (URL.parse(origin)?.origin !== origin)
    fault('MTLS_ORIGIN', 'must be an origin without path, as in https://mtls.login.example.org')
  if (certHeader === undefined)
    fault(
      'MTLS_CERT_HEADER',
      'is required with MTLS_ORIGIN: the header in which the proxy hands certificates on',
    )
  if ((settings.TRUSTED_PROXIES ?? []).length === 0)
    fault('MTLS_CERT_HEADER', 'needs TRUSTED_PROXIES: from anybody else the header could be made up')
  for (const name of ['MTLS_CERT_HEADER', 'MTLS_VERIFY_HEADER'] as const)
    if (TAKEN.test(settings[name]?.toLowerCase() ?? ''))
      fault(name, 'names a header that has another meaning')
  if (verifyHeader !== undefined && verifyHeader.toLowerCase() === certHeader?.toLowerCase())
    fault('MTLS_VERIFY_HEADER', 'must be another header than MTLS_CERT_HEADER')
}
