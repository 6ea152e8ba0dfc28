/**
 * Traces by OTLP over HTTP. Loaded only where an endpoint is configured. The collector is worth less than the service:
 * spans wait in a queue of bounded length, are sent in batches behind the requests, and are dropped and counted when it
 * is full or nobody takes them. Nothing here throws or delays.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { ATTR_ERROR_TYPE, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import { kindOf, type Span, type SpanStart, type Tracing } from '../lib/tracing.ts'
import { noteTrace } from './logger.ts'

export interface TracingOptions {
  /** base address of the collector; `/v1/traces` is added */
  endpoint: string
  serviceName: string
  version: string
  /** of the requests that nobody else began to trace, from 0 to 1 */
  share: number
  /** told of spans that reached nobody */
  lost: (count: number, reason: 'full' | 'collector') => void
}

const QUEUE = 4_096
const BATCH = 512
const EVERY_MS = 2_000
const EXPORT_MS = 5_000
/** At a stop: what is not taken by then is lost. */
const FLUSH_MS = 3_000

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

export class OtlpTracing implements Tracing {
  readonly #provider: TracerProvider
  readonly #running = new AsyncLocalStorage<Context>()
  readonly #tracer

  constructor(options: TracingOptions) {
    const { endpoint, serviceName, version, share } = options
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        [ATTR_SERVICE_NAME]: serviceName,
        [ATTR_SERVICE_VERSION]: version,
        'process.pid': process.pid,
      }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
      spanProcessors: [queueOf(exporterTo(endpoint, options), options)],
    })
    this.#tracer = this.#provider.getTracer('ostiary', version)
  }

  get active(): boolean {
    return this.#running.getStore() !== undefined
  }

  async within<T>(
    { name, kind, attributes, parent }: SpanStart,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const above = (parent && remote(parent)) || (this.#running.getStore() ?? ROOT_CONTEXT)
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], attributes }, above)
    if (kind === 'server') noteTrace(span.spanContext().traceId)
    try {
      return await this.#running.run(trace.setSpan(above, span), () => work(handleOf(span)))
    } catch (error) {
      fail(span, kindOf(error))
      throw error
    } finally {
      span.end()
    }
  }

  /** Sends what waits, as far as it is taken in time. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS)
    })
    await Promise.race([this.#provider.shutdown().catch(() => {}), late])
    clearTimeout(timer)
  }
}

function handleOf(span: OtelSpan): Span {
  return {
    traceId: span.spanContext().traceId,
    rename: (name) => void span.updateName(name),
    set: (attributes) => void span.setAttributes(attributes),
    failed: (kind) => fail(span, kind),
  }
}

function fail(span: OtelSpan, kind: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, kind)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** W3C Trace Context 3.2. What cannot be read counts as absent. */
function remote(traceparent: string): Context | undefined {
  const [, traceId = '', spanId = '', flags = '0'] = TRACEPARENT.exec(traceparent) ?? []
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
  return trace.isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : undefined
}

/** The package's own batches, behind a count of what is on its way: what it drops it tells nobody. */
function queueOf(exporter: SpanExporter & { waiting: number }, { lost }: TracingOptions): BatchSpanProcessor {
  const queue = new BatchSpanProcessor({
    exporter,
    maxQueueSize: QUEUE,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: EVERY_MS,
    exportTimeoutMillis: EXPORT_MS,
  })
  const take = queue.onEnd.bind(queue)
  queue.onEnd = (span) => {
    if (exporter.waiting >= QUEUE) return lost(1, 'full')
    if ((span.spanContext().traceFlags & 1) === 1) exporter.waiting += 1
    take(span)
  }
  return queue
}

/** `waiting` spans were handed to the queue and have neither arrived nor failed. */
function exporterTo(endpoint: string, { lost }: TracingOptions): SpanExporter & { waiting: number } {
  const otlp = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_MS,
    concurrencyLimit: 2,
  })
  const exporter = {
    waiting: 0,
    export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]) {
      otlp.export(spans, (result) => {
        exporter.waiting -= spans.length
        if (result.code !== 0) lost(spans.length, 'collector')
        done(result)
      })
    },
    shutdown: () => otlp.shutdown(),
    forceFlush: () => otlp.forceFlush(),
  }
  return exporter
}
