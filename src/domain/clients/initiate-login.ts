/**
 * Login that begins here and not at the application (OpenID Connect Core 1.0, section 4): the browser is sent to the
 * address that the application registered for it, which then asks us in the ordinary way.
 */

/** What of a client's metadata says where it begins. */
export interface Initiable {
  initiate_login_uri?: unknown
  redirect_uris?: unknown
}

export interface InitiationWish {
  issuer: string
  /** where in the application to end up */
  target?: string | undefined
  /** who, if the person chose: never taken from what we know of them */
  loginHint?: string | undefined
}

/** OpenID Connect puts no bound; an address that is longer is no address. */
const HINT_MAX = 254

/** What is wrong with the registered address, as a sentence; that it is https is checked elsewhere. */
export function initiateLoginFault({ initiate_login_uri: uri }: Initiable): string | undefined {
  if (typeof uri !== 'string') return undefined
  const url = URL.parse(uri)
  if (url && (url.username !== '' || url.password !== '' || uri.includes('#')))
    return 'initiate_login_uri must hold neither a user name nor a fragment'
  return undefined
}

/**
 * Where to send the browser; undefined when the application has no such address, or the wish is one that it must not be
 * asked: a target that is not its own would make it a way to anywhere (section 4 asks the same of the application).
 */
export function initiationOf(client: Initiable, wish: InitiationWish): string | undefined {
  const url = typeof client.initiate_login_uri === 'string' ? URL.parse(client.initiate_login_uri) : null
  if (!url || !/^https?:$/.test(url.protocol)) return undefined
  const { issuer, target, loginHint } = wish
  if (target !== undefined && !isOwn(client, url, target)) return undefined
  if (loginHint !== undefined && (loginHint.length > HINT_MAX || /\p{Cc}/u.test(loginHint))) return undefined
  url.searchParams.set('iss', issuer)
  if (target !== undefined) url.searchParams.set('target_link_uri', target)
  if (loginHint !== undefined && loginHint !== '') url.searchParams.set('login_hint', loginHint)
  return url.href
}

/** At the origin of its entrance, or of an address that people come back to. */
function isOwn({ redirect_uris: uris }: Initiable, entrance: URL, target: string): boolean {
  const url = URL.parse(target)
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return false
  const own = [entrance.href, ...(Array.isArray(uris) ? uris : [])].map(
    (uri) => URL.parse(String(uri))?.origin,
  )
  return own.includes(url.origin)
}
