/** Typed rendering of mails: `views/mail/<template>.{subject,txt,html}.ejs`. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import ejs from 'ejs'
import { loadMessages, type Translator } from '../lib/messages.ts'

/** What every mail says about the request behind it. */
interface MailFacts {
  /** the reader's address */
  email: string
  /** ISO 8601 */
  when: string
  app?: string | undefined
  ip?: string | undefined
  userAgent?: string | undefined
  /** BCP 47 tag; English when there is none */
  lang?: string | undefined
}

/** What each template needs. */
export interface MailData {
  'verify-email': MailFacts & { link: string; code: string; minutesValid: number }
  'account-exists': MailFacts & { signInUrl: string; forgotUrl: string }
  'reset-password': MailFacts & { link: string; minutesValid: number }
  approval: MailFacts & { link: string; minutesValid: number }
  invitation: MailFacts & { link: string; minutesValid: number }
  'password-required': MailFacts & { link: string; minutesValid: number }
  'account-deletion': MailFacts & { daysLeft: number }
  'password-changed': MailFacts & { forgotUrl: string }
}

export type MailTemplate = keyof MailData

export interface RenderedMail {
  subject: string
  text: string
  html: string
}

export interface MailRenderer {
  render<N extends MailTemplate>(template: N, data: MailData[N]): RenderedMail
}

export interface MailRendererOptions {
  viewsDir: string
  brandName: string
  issuer: string
  /** a missing message throws instead of showing its key */
  strict?: boolean
}

const TEMPLATES: MailTemplate[] = [
  'verify-email',
  'account-exists',
  'reset-password',
  'approval',
  'invitation',
  'password-required',
  'account-deletion',
  'password-changed',
]
const SHARED_NAMES = ['t', 'lang', 'dir', 'brand', 'issuer', 'data', 'about', 'minutes', 'spaced']

/** Compiles every mail at once, so that a broken template stops the start and not a registration. */
export function createMailRenderer(options: MailRendererOptions): MailRenderer {
  const translatorFor = loadMessages(path.join(options.viewsDir, 'locales'), options.strict ?? false)
  const templates = new Map(
    TEMPLATES.map((name) => [
      name,
      {
        subject: compile(options.viewsDir, `${name}.subject.ejs`, String),
        text: compile(options.viewsDir, `${name}.txt.ejs`, String),
        html: compile(options.viewsDir, `${name}.html.ejs`, ejs.escapeXML),
      },
    ]),
  )

  return {
    render(name, data) {
      const template = templates.get(name)!
      const translator = translatorFor(data.lang ?? 'en')
      const { t, lang, dir } = translator
      const locals = {
        ...{ t, lang, dir, data, spaced },
        brand: { name: options.brandName },
        issuer: options.issuer,
        about: aboutRequest(translator, data),
        minutes: (count: number) =>
          count < 120 ? t('mail.minutes', { count }) : t('mail.hours', { count: Math.round(count / 60) }),
      }
      return {
        // A line break in a subject would begin another header.
        subject: oneLine(template.subject(locals), 200),
        text: template.text(locals),
        html: template.html(locals),
      }
    },
  }
}

function compile(viewsDir: string, file: string, escapeFunction: (value: unknown) => string) {
  const filename = path.join(viewsDir, 'mail', file)
  return ejs.compile(readFileSync(filename, 'utf8'), {
    ...{ filename, root: viewsDir, escapeFunction, cache: true, strict: true },
    destructuredLocals: SHARED_NAMES,
  })
}

/** Label and value of each known fact. Names and devices are somebody else's words: kept short and on one line. */
function aboutRequest({ t, lang }: Translator, facts: MailFacts): [string, string][] {
  const format = new Intl.DateTimeFormat(lang, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
  const rows: [string, string | undefined][] = [
    [t('mail.about_app'), facts.app && mentionable(facts.app)],
    [t('mail.about_when'), `${format.format(new Date(facts.when))} UTC`],
    [t('mail.about_ip'), facts.ip],
    [t('mail.about_device'), facts.userAgent && oneLine(facts.userAgent, 120)],
  ]
  return rows.filter((row): row is [string, string] => Boolean(row[1]))
}

/**
 * Anybody may register an app and name it: a name that mail programs would turn into a link is left out,
 * or our mail would carry a stranger's advertisement to any address they type in.
 */
function mentionable(name: string): string | undefined {
  return /:\/\/|www\.|[\p{L}\p{N}]\.\p{L}{2,}|@/iu.test(name) ? undefined : oneLine(name, 60)
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  const points = [...line]
  return points.length > max ? `${points.slice(0, max - 1).join('')}…` : line
}

/** "418 204" is easier to read and to keep in mind; the form accepts it with the space. */
function spaced(code: string): string {
  return code.length === 6 ? `${code.slice(0, 3)} ${code.slice(3)}` : code
}
