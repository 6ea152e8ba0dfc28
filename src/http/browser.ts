/**
 * What we remember in a browser: a random id that form tokens are bound to, the sign-in it is in the middle of, and
 * the accounts it signed in to before. None of these is a credential.
 */
import type { Context } from 'koa'
import { sameDigest } from '../domain/email/secrets.ts'
import type { KeyedHash, Random } from '../domain/ports.ts'
import { type KnownAccount, readDevices, rememberDevice, writeDevices } from '../domain/sign-in/device.ts'
import type { Form } from './form.ts'
import { Problem } from './problem.ts'

const DEVICE_DAYS = 400
const FORM_TOKEN = 'form-token'
/** A page may have been open for so long when the key was changed. */
const FORM_SECONDS = 86_400

export class Browser {
  readonly #keyed: KeyedHash
  readonly #random: Random
  readonly #secure: boolean

  constructor(deps: { keyed: KeyedHash; random: Random; secure: boolean }) {
    this.#keyed = deps.keyed
    this.#random = deps.random
    this.#secure = deps.secure
  }

  /** A form token for this browser and this form; sets the browser's cookie when it has none. */
  formToken(ctx: Context, form: string): string {
    return this.#token(this.#id(ctx) ?? this.#begin(ctx), form)
  }

  /** Refuses posts that do not come from a page of ours in this browser. */
  checkForm(ctx: Context, form: Form, name: string): void {
    const site = ctx.get('Sec-Fetch-Site')
    if (site === 'cross-site') throw new Problem('bad-form')
    const id = this.#id(ctx)
    if (id === undefined) throw new Problem('cookies-missing')
    const tokens = this.#keyed.digests(FORM_TOKEN, `${id}\0${name}`, FORM_SECONDS)
    if (!sameDigest(this.#keyed, tokens, form.get('_csrf'))) throw new Problem('bad-form')
  }

  /** Whether this browser was given a form of ours before. */
  isKnown(ctx: Context): boolean {
    return this.#id(ctx) !== undefined
  }

  /** The interaction this browser began last, so that a link in a mail knows whether it is at home. */
  currentFlow(ctx: Context): string | undefined {
    return ctx.cookies.get(this.#name('flow'), { signed: false })
  }

  beginFlow(ctx: Context, uid: string): void {
    if (this.currentFlow(ctx) !== uid) this.#set(ctx, 'flow', uid, undefined)
  }

  knownAccounts(ctx: Context): KnownAccount[] {
    return readDevices(this.#keyed, ctx.cookies.get(this.#name('devices'), { signed: false }))
  }

  rememberAccount(ctx: Context, userId: string, credential: string): void {
    this.#set(
      ctx,
      'devices',
      rememberDevice(this.#keyed, this.#random, this.knownAccounts(ctx), userId, credential),
      DEVICE_DAYS,
    )
  }

  forgetAccount(ctx: Context, userId: string): void {
    const rest = this.knownAccounts(ctx).filter((entry) => entry.userId !== userId)
    this.#set(ctx, 'devices', writeDevices(this.#keyed, rest), DEVICE_DAYS)
  }

  #token(id: string, form: string): string {
    return this.#keyed.digest(FORM_TOKEN, `${id}\0${form}`).toString('base64url')
  }

  #id(ctx: Context): string | undefined {
    return (
      ctx.cookies.get(this.#name('browser'), { signed: false }) ??
      (ctx.state.newBrowserId as string | undefined)
    )
  }

  #begin(ctx: Context): string {
    const id = this.#random.token(16)
    ctx.state.newBrowserId = id
    this.#set(ctx, 'browser', id, undefined)
    return id
  }

  #name(what: string): string {
    return `${this.#secure ? '__Host-' : ''}ostiary_${what}`
  }

  #set(ctx: Context, what: string, value: string, days: number | undefined): void {
    ctx.cookies.set(this.#name(what), value, {
      httpOnly: true,
      sameSite: 'lax',
      secure: this.#secure,
      signed: false,
      overwrite: true,
      path: '/',
      ...(days === undefined ? {} : { maxAge: days * 86_400_000 }),
    })
  }
}
