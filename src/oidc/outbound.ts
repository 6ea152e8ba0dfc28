/**
 * Requests the engine makes (jwks_uri, sector identifiers, back-channel logout). The engine destroys connections to
 * special-use networks through `options.dispatcher`; only origins that the operator listed go without it.
 */
export function outboundFetch(allowedOrigins: readonly string[]) {
  const allowed = new Set(allowedOrigins)
  return (url: URL | string, options: RequestInit & { dispatcher?: unknown }): Promise<Response> => {
    const { origin } = new URL(url)
    if (allowed.has(origin)) {
      const { dispatcher: _, ...plain } = options
      return fetch(url, plain)
    }
    // Fail closed: without the guard nothing goes out (the engine itself would only warn).
    if (options.dispatcher === undefined) return Promise.reject(new Error('the outbound guard is missing'))
    return fetch(url, options)
  }
}
