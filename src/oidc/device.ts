/** The pages of the device flow (RFC 8628 section 3.3): type the code, check the device, done. */
import { isIP } from 'node:net'
import { type Client, type ErrorOut, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { networkOf } from '../domain/protection/throttle.ts'
import { xsrfOf } from './logout.ts'
import type { EnginePages } from './pages.ts'

/** 8 characters of 20 letters: 34 bits; the page's throttle does the rest (RFC 8628 5.1). */
export const USER_CODE = { charset: 'base-20', mask: '****-****' } as const

export function userCodeInputSource(pages: EnginePages) {
  return async (ctx: KoaContextWithOIDC, _form: string, _out?: ErrorOut, error?: Error): Promise<void> => {
    if (error?.name === 'AbortedError') {
      // Denied at the code page there is the device code, given up at the sign-in only the interaction.
      const { DeviceCode: code, Interaction: interaction } = ctx.oidc.entities
      const clientId = code?.clientId ?? interaction?.params.client_id
      const client =
        ctx.oidc.client ??
        (typeof clientId === 'string' ? await ctx.oidc.provider.Client.find(clientId) : undefined)
      pages.deviceDone(ctx, client ?? undefined, 'denied')
      return
    }
    const userCode = (error as { userCode?: string } | undefined)?.userCode ?? ''
    pages.deviceCode(ctx, {
      action: ctx.oidc.urlFor('code_verification'),
      xsrf: xsrfOf(ctx),
      userCode,
      wrong: error === undefined ? undefined : error.name === 'NoCodeError' ? 'required' : 'wrong',
    })
  }
}

export function userCodeConfirmSource(pages: EnginePages) {
  return async (
    ctx: KoaContextWithOIDC,
    _form: string,
    client: Client,
    device: Record<string, unknown>,
    userCode: string,
  ): Promise<void> => {
    pages.deviceConfirm(ctx, {
      action: ctx.oidc.urlFor('code_verification'),
      xsrf: xsrfOf(ctx),
      userCode,
      client,
      ip: typeof device.ip === 'string' ? device.ip : undefined,
      userAgent: typeof device.ua === 'string' ? device.ua : undefined,
      elsewhere: typeof device.ip === 'string' && areApart(device.ip, ctx.ip),
    })
  }
}

/**
 * Whether both are on different networks (RFC 8628 5.4: a code that somebody sent works from anywhere). One machine may
 * speak IPv4 for the device and IPv6 for the browser: that says nothing.
 */
function areApart(device: string, browser: string): boolean {
  return isIP(device) === isIP(browser) && networkOf(device) !== networkOf(browser)
}

export function deviceSuccessSource(pages: EnginePages) {
  return async (ctx: KoaContextWithOIDC): Promise<void> =>
    pages.deviceDone(ctx, ctx.oidc.client ?? undefined, 'approved')
}

/**
 * The device pages keep their form's token in the browser's session. Without one the engine answers, then fails on
 * saving a session that was never there; this says what is wrong instead.
 */
export async function deviceSessionGuard(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  try {
    await next()
  } catch (error) {
    const device = ctx.oidc?.route === 'code_verification' || ctx.oidc?.route === 'device_resume'
    const unsaved = ctx.oidc?.session !== undefined && ctx.oidc.session.exp === undefined
    if (device && unsaved && !(error instanceof errors.OIDCProviderError))
      throw new errors.SessionNotFound('the device sign-in was not begun in this browser')
    throw error
  }
}
