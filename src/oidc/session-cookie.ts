/**
 * The engine sends the session's cookie with every answer. One that the browser has already is left out: coming late it
 * would take the place of the one another tab was given meanwhile, and a quarter of a minute later nobody is signed in.
 * With "keep me signed in" it is sent all the same, for it carries how long the browser keeps it.
 */
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'

export function sessionCookieOnce(provider: Provider) {
  const name = (provider as unknown as { cookieName(type: 'session'): string }).cookieName('session')
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { id, transient } = (ctx.oidc?.session ?? {}) as { id?: string; transient?: true }
    if (!id || !transient || ctx.cookies.get(name) !== id) return
    const cookies = [(ctx.response.get('Set-Cookie') as string | string[] | undefined) ?? []].flat()
    // Signing out sends one that is empty; that one goes out. So does one that is signed with a newer key.
    const signature = cookies.find((cookie) => cookie.startsWith(`${name}.sig=`))?.split(/[=;]/)[1]
    const has = ctx.cookies.get(`${name}.sig`, { signed: false })
    if (signature !== has || !cookies.some((cookie) => cookie.startsWith(`${name}=${id}`))) return
    const others = cookies.filter(
      (cookie) => !cookie.startsWith(`${name}=`) && !cookie.startsWith(`${name}.sig=`),
    )
    if (others.length > 0) ctx.set('Set-Cookie', others)
    else ctx.remove('Set-Cookie')
  }
}
