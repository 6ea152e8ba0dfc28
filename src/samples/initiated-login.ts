/**
 * OpenID Connect Core 1.0, section 4: a sign-in that is begun by the provider. Anybody can make a browser open this
 * address, so nothing in it is believed: the issuer must be the one this app knows, and the place to go to afterwards
 * must be in this app, or it would send its visitors anywhere.
 */
export interface Initiation {
  /** a path of this app */
  returnTo: string
  loginHint: string | undefined
}

/** Undefined: not to be followed. */
export function initiationFrom(
  query: Record<string, unknown>,
  own: { issuer: string; origin: string; home: string },
): Initiation | undefined {
  const { iss, target_link_uri: target, login_hint: hint } = query
  if (iss !== own.issuer) return undefined
  const loginHint = typeof hint === 'string' && hint !== '' ? hint : undefined
  if (target === undefined) return { returnTo: own.home, loginHint }
  const url = typeof target === 'string' ? URL.parse(target) : null
  const isOwn =
    url?.origin === own.origin && (url.pathname === own.home || url.pathname.startsWith(`${own.home}/`))
  return url && isOwn ? { returnTo: url.pathname + url.search + url.hash, loginHint } : undefined
}
