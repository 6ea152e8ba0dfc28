/** A collector of traces: takes OTLP over HTTP as JSON, keeps every span it was sent, and can be made to fail. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  /** as OTLP counts: 1 internal, 2 server, 3 client */
  kind: number
  /** 2: it failed */
  status: number
  attributes: Record<string, unknown>
  service: unknown
}

export interface TraceCollector {
  origin: string
  spans: CollectedSpan[]
  /** bodies as they came */
  bodies: string[]
  /** headers of requests that were no traces, by path */
  others: Map<string, IncomingHttpHeaders>
  /** `take` traces, answer `500` at once, or `hang` without an answer */
  manner: 'take' | '500' | 'hang'
  /** the spans of one trace, once there are some that satisfy `enough` */
  trace(enough: (spans: CollectedSpan[]) => boolean): Promise<CollectedSpan[]>
  close(): Promise<void>
}

interface Otlp {
  resourceSpans: {
    resource: { attributes: KeyValue[] }
    scopeSpans: { spans: OtlpSpan[] }[]
  }[]
}
interface KeyValue {
  key: string
  value: Record<string, unknown>
}
interface OtlpSpan extends Omit<CollectedSpan, 'attributes' | 'status'> {
  attributes: KeyValue[]
  status: { code?: number }
}

const valuesOf = (attributes: KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

export async function startTraceCollector(): Promise<TraceCollector> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (request.url !== '/v1/traces') {
      collector.others.set(String(request.url), request.headers)
      return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}')
    }
    if (collector.manner === 'hang') return
    if (collector.manner === '500') return void response.writeHead(500).end()
    collector.bodies.push(body)
    const { resourceSpans } = JSON.parse(body) as Otlp
    for (const { resource, scopeSpans } of resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        collector.spans.push({
          ...span,
          parentSpanId: span.parentSpanId || undefined,
          status: span.status.code ?? 0,
          attributes: valuesOf(span.attributes),
          service: valuesOf(resource.attributes)['service.name'],
        })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const collector: TraceCollector = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    bodies: [],
    others: new Map(),
    manner: 'take',
    async trace(enough) {
      for (let tries = 0; tries < 400; tries += 1) {
        for (const id of new Set(collector.spans.map(({ traceId }) => traceId))) {
          const spans = collector.spans.filter(({ traceId }) => traceId === id)
          if (enough(spans)) return spans
        }
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`no such trace came; names: ${[...new Set(collector.spans.map(({ name }) => name))]}`)
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return collector
}
