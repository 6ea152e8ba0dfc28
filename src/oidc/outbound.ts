/**
 * Requests the engine makes (jwks_uri, sector identifiers, back-channel logout). The engine destroys connections to
 * special-use networks through `options.dispatcher`; only origins that the operator listed go without it.
 */
export function outboundFetch(allowedOrigins: readonly string[]) {
  const allowed = new Set(allowedOrigins)
  return async (url: URL | string, options: OutboundOptions): Promise<Response> => {
    const { dispatcher, ...plain } = options
    // A listed origin is listed, not whatever it redirects to.
    if (allowed.has(new URL(url).origin)) return fetch(url, { ...plain, redirect: 'error' })
    // Fail closed: without the guard nothing goes out (the engine itself would only warn).
    if (dispatcher === undefined) throw new Error('the outbound guard is missing')
    return fetch(url, options as RequestInit)
  }
}

/** As the engine calls it: its guard against special-use networks is the dispatcher. */
type OutboundOptions = Omit<RequestInit, 'dispatcher'> & { dispatcher?: unknown }
