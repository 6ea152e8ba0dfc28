/** Typed rendering of `views/`: model in, HTML out. Knows nothing of HTTP. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ejs from 'ejs'
import { loadMessages, type MessageParams, type Translator } from '../lib/messages.ts'
import type { PageContext, ViewModels, ViewName } from './view-models.ts'

export interface RendererOptions {
  viewsDir: string
  /** default for `page.brand` */
  brandName: string
  /** default for `page.evaluation` */
  evaluation: boolean
  /** a missing message throws instead of showing its key */
  strict?: boolean
}

/** What each call must say about its page; brand and evaluation come from the renderer unless given. */
export type Page = Omit<PageContext, 'brand' | 'evaluation'> & Partial<PageContext>

export interface Renderer {
  render<N extends ViewName>(name: N, model: ViewModels[N], page: Page): string
}

/** Names every template may use without the `locals.` prefix; parameters of a partial need the prefix. */
const SHARED_NAMES = [
  ...['model', 'page', 't', 'strong', 'duration', 'moment'],
  ...['webUrl', 'problem', 'claim', 'scopeGroups'],
]

/** Compiles every view at once, so that a broken template stops the start and not a sign-in. */
export function createRenderer(options: RendererOptions): Renderer {
  const translatorFor = loadMessages(path.join(options.viewsDir, 'locales'), options.strict ?? false)
  const templates = new Map<string, (locals: object) => string>()
  for (const file of readdirSync(options.viewsDir, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.ejs') && !/^(partials|mail)[\\/]/.test(file)) {
      templates.set(file.replace(/\.ejs$/, '').replaceAll('\\', '/'), compile(options.viewsDir, file))
    }
  }

  return {
    render(name, model, page) {
      const template = templates.get(name)
      if (!template) throw new Error(`no view "${name}"`)
      const translator = translatorFor(page.lang)
      const { lang, dir } = translator
      const context = {
        brand: { name: options.brandName },
        evaluation: options.evaluation,
        ...page,
        lang,
        dir,
      }
      return template({ model, page: context, ...helpers(translator) })
    },
  }
}

function compile(viewsDir: string, file: string): (locals: object) => string {
  const filename = path.join(viewsDir, file)
  return ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    root: viewsDir,
    // partials are read and compiled once
    cache: true,
    // without `with`: faster, and a misspelt name is an error
    strict: true,
    destructuredLocals: SHARED_NAMES,
  })
}

function helpers(translator: Translator) {
  const { t, lang } = translator
  return {
    t,
    webUrl,
    scopeGroups,
    duration: (seconds: number) => formatDuration(lang, seconds),
    moment: (iso: string) => formatMoment(lang, iso),
    strong: (key: string, params: MessageParams) => emphasise(t, key, params),
    claim: (code: string) => (translator.has(`claim.${code}`) ? t(`claim.${code}`) : code),
    /** An error page must never fail for want of a sentence: unknown codes read as the nearest general one. */
    problem: (code: string, status: number) =>
      translator.has(`problem.${code}.title`) ? code : status >= 500 ? 'server-error' : 'invalid-request',
  }
}

/**
 * The message as HTML with its parameters in bold. `<bdi>` keeps a right-to-left name from reordering
 * the sentence around it.
 */
function emphasise(t: Translator['t'], key: string, params: MessageParams): string {
  // Private-use characters mark where a parameter begins and ends until everything is escaped.
  const strip = (value: string | number) => String(value).replace(/[\uE000\uE001]/g, '')
  const marked = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, `\uE000${strip(value)}\uE001`]),
  )
  return ejs.escapeXML(t(key, marked)).replaceAll('\uE000', '<b><bdi>').replaceAll('\uE001', '</bdi></b>')
}

/** "42 seconds", "3 minutes": always rounded up, so that nobody is told to come back too early. */
export function formatDuration(lang: string, seconds: number): string {
  const inMinutes = seconds > 90
  const unit = inMinutes ? 'minute' : 'second'
  return new Intl.NumberFormat(lang, { style: 'unit', unit, unitDisplay: 'long' }).format(
    Math.ceil(inMinutes ? seconds / 60 : seconds),
  )
}

/** Date and time in UTC and saying so: the server does not know the reader's time zone. */
export function formatMoment(lang: string, iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  const format = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const
  return `${new Intl.DateTimeFormat(lang, format).format(date)} UTC`
}

/**
 * Addresses that came from an application's registration: the web, a path here, or a native app's
 * reverse-domain scheme (RFC 8252); `javascript:` and the like become undefined and are not linked.
 */
function webUrl(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  return /^(https?:\/\/|\/(?![/\\])|[a-z][a-z0-9+-]*\.[a-z0-9.+-]+:)/i.test(url) ? url : undefined
}

type ConsentScope = ViewModels['interaction/consent']['scopes'][number]

const SCOPE_GROUPS = [
  { id: 'identity', codes: ['openid', 'profile', 'roles'] },
  { id: 'contact', codes: ['email', 'phone', 'address'] },
]

/** Scopes by what they touch; `offline_access` is left out because the page names it on its own. */
function scopeGroups(scopes: ConsentScope[]): { id: string; scopes: ConsentScope[] }[] {
  const grouped = new Set(['offline_access', ...SCOPE_GROUPS.flatMap((group) => group.codes)])
  return [
    ...SCOPE_GROUPS.map(({ id, codes }) => ({
      id,
      scopes: scopes.filter(({ code }) => codes.includes(code)),
    })),
    { id: 'other', scopes: scopes.filter(({ code }) => !grouped.has(code)) },
  ].filter((group) => group.scopes.length > 0)
}
