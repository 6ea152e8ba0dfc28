/** Words for pages and mails: flat catalogues `views/locales/<lang>.json`, English as the last resort. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export type MessageParams = Record<string, string | number>

/** One language's words. */
export interface Translator {
  /** BCP 47 tag of the catalogue in use; for `<html lang>`. */
  readonly lang: string
  readonly dir: 'ltr' | 'rtl'
  has(key: string): boolean
  /** The sentence for `key`. A number named `count` picks the plural form (`key_one`, `key_other`…). */
  t(key: string, params?: MessageParams): string
}

type Catalogue = Record<string, string>

const FALLBACK = 'en'

/**
 * Reads every catalogue once and returns the translator for a language tag.
 * `strict` throws on a missing key or parameter (tests); otherwise a page shows the key rather than failing.
 */
export function loadMessages(localesDir: string, strict: boolean): (lang: string) => Translator {
  const translators = new Map<string, Translator>()
  const read = (file: string): Catalogue => JSON.parse(readFileSync(path.join(localesDir, file), 'utf8'))
  const english = read(`${FALLBACK}.json`)
  for (const file of readdirSync(localesDir)) {
    const lang = path.basename(file, '.json')
    translators.set(lang.toLowerCase(), createTranslator(lang, { ...english, ...read(file) }, strict))
  }
  const fallback = translators.get(FALLBACK)!
  // "de-CH" is served by "de" when there is no catalogue of its own.
  return (lang) =>
    translators.get(lang.toLowerCase()) ?? translators.get(lang.toLowerCase().split('-')[0]!) ?? fallback
}

function createTranslator(lang: string, catalogue: Catalogue, strict: boolean): Translator {
  const plurals = new Intl.PluralRules(lang)
  // Own properties only: a key like "constructor" must not find something on the prototype.
  const messages = new Map(Object.entries(catalogue))

  function find(key: string, count: string | number | undefined): string | undefined {
    if (typeof count !== 'number') return messages.get(key)
    return (
      messages.get(`${key}_${plurals.select(count)}`) ?? messages.get(`${key}_other`) ?? messages.get(key)
    )
  }

  function t(key: string, params: MessageParams = {}): string {
    const message = find(key, params.count)
    if (message === undefined) {
      if (strict) throw new Error(`no message "${key}" in ${lang}`)
      return key
    }
    return message.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
      if (Object.hasOwn(params, name)) return String(params[name])
      if (strict) throw new Error(`message "${key}" needs {${name}}`)
      return placeholder
    })
  }

  return { lang, dir: messages.get('meta.dir') === 'rtl' ? 'rtl' : 'ltr', has: (key) => messages.has(key), t }
}
