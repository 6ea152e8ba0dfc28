/** Where traces go (`OTEL_…`, the names of OpenTelemetry's own specification), or that there are none. Pure. */
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'

export interface TracingConfig {
  /** base address of an OTLP/HTTP collector */
  readonly endpoint: string
  readonly serviceName: string
  /** of the requests, from 0 to 1 */
  readonly share: number
}

export function tracingOf(settings: Settings): TracingConfig | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings
  return endpoint === undefined
    ? undefined
    : {
        endpoint,
        serviceName: settings.OTEL_SERVICE_NAME ?? 'ostiary',
        share: settings.OTEL_TRACES_SAMPLER_ARG ?? 1,
      }
}

/** What is asked of traces that go nowhere is a mistake; credentials in an address end in logs. */
export function checkTracing(settings: Settings, faults: Fault[]): void {
  const name = 'OTEL_EXPORTER_OTLP_ENDPOINT'
  const url = URL.parse(settings[name] ?? '')
  if (url && (url.username !== '' || url.password !== '' || url.search !== ''))
    faults.push({
      name,
      problem: 'must have no user, password or query; headers go in OTEL_EXPORTER_OTLP_HEADERS',
    })
}
