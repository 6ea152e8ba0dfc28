/**
 * What is traced, for those who do work and know nothing of OpenTelemetry. Attributes are of a few values each: never a
 * token, a query string, an address, a name, a path parameter.
 */
export type Attributes = Record<string, string | number | boolean>

export interface Span {
  readonly traceId: string
  rename(name: string): void
  set(attributes: Attributes): void
  failed(kind: string): void
}

export interface SpanStart {
  name: string
  kind: 'server' | 'client' | 'internal'
  attributes: Attributes
  /** of whom this is part: a `traceparent` (W3C Trace Context) from somebody who is trusted */
  parent?: string | undefined
}

export interface Tracing {
  /** Everything that `work` begins is part of its span; a failure is noted by its kind, never by its message. */
  within<T>(start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>
  /** whether this is part of something that is traced */
  readonly active: boolean
}

/** A failure in one word of a few: its name where that is ours, or a code of the system; never what it says. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const { code, name } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Za-z0-9_]{2,40}$/.test(code) ? code : name
}
