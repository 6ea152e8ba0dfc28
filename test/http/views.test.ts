import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { createRenderer, type Page } from '../../src/http/render.ts'
import type { ViewModels, ViewName } from '../../src/http/view-models.ts'
import { samples } from '../../src/http/view-samples.ts'

const viewsDir = path.join(import.meta.dirname, '../../views')
const renderer = createRenderer({ viewsDir, brandName: 'Ostiary', evaluation: true, strict: true })
const page: Page = { lang: 'en', requestId: 'r3q7', time: '2026-08-24T10:12:00Z', homeUrl: '/' }
const catalogue: Record<string, string> = JSON.parse(
  readFileSync(path.join(viewsDir, 'locales/en.json'), 'utf8'),
)

const FIELD_ERRORS =
  'required invalid_email email_too_long invalid_credentials throttled busy code_wrong code_format code_locked password_too_short password_too_long password_common password_context password_same password_characters username_taken username_format name_too_long consent_required user_code_wrong user_code_required csrf'
const PROBLEMS =
  'not-found request-expired cookies-missing other-browser invalid-request unknown-client redirect-uri access-denied bad-form too-large bad-encoding throttled busy unavailable server-error wrong-host method-not-allowed link-invalid account-disabled setup-closed session-not-found'

describe('every sample of every view', () => {
  for (const name of Object.keys(samples) as ViewName[]) {
    for (const [state, model] of Object.entries(samples[name])) {
      it(`${name}: ${state}`, () => {
        // The pair belongs together; TypeScript cannot see that across a loop over a union.
        checkPage(renderer.render(name, model as ViewModels[typeof name], page), state)
      })
    }
  }

  it('there is a view for each name and a name for each view', () => {
    const views = templates().filter((file) => !/^(partials|mail)[\\/]/.test(file))
    expect(views.map((file) => file.replace('.ejs', ''))).to.have.members(Object.keys(samples))
  })
})

describe('the renderer', () => {
  it('falls back to English for a language without a catalogue and says so in lang', () => {
    const html = renderer.render('home', samples.home.production!, { ...page, lang: 'tlh-QX' })
    expect(html).to.contain('<html lang="en" dir="ltr">')
  })

  it('shows the evaluation banner only in evaluation mode', () => {
    const model = samples.home.production!
    expect(renderer.render('home', model, page)).to.contain('class="banner"')
    expect(renderer.render('home', model, { ...page, evaluation: false })).not.to.contain('class="banner"')
  })

  it('keeps the engine happy: names of fields are stable', () => {
    const html = renderer.render('logout', samples.logout.plain!, page)
    expect(html)
      .to.match(/name="logout" value="yes"/)
      .and.to.match(/name="everywhere" value="yes"/)
    expect(html.match(/<form/g)).to.have.length(2)
    const device = renderer.render('device/confirm', samples['device/confirm'].usual!, page)
    for (const field of ['xsrf', 'user_code', 'confirm', 'abort'])
      expect(device).to.contain(`name="${field}"`)
  })

  it('never links an address that is not of the web or a native app', () => {
    for (const state of ['unknown code', 'hostile']) {
      expect(renderer.render('error', samples.error[state]!, page)).not.to.match(
        /(href|src)="(javascript|data):/,
      )
    }
    expect(renderer.render('logout-done', samples['logout-done']['unsafe link']!, page)).not.to.contain(
      'javascript:',
    )
  })
})

describe('the message catalogue', () => {
  it('has every message the views name', () => {
    const missing = templates().flatMap((file) => {
      const source = readFileSync(path.join(viewsDir, file), 'utf8')
      const keys = [...source.matchAll(/\b(?:t|strong)\('([\w.-]+)'\s*[,)]/g)].map((match) => match[1]!)
      return keys.filter((key) => !(key in catalogue) && !(`${key}_other` in catalogue))
    })
    expect(missing).to.deep.equal([])
  })

  it('has every field error and every problem', () => {
    const keys = [
      ...FIELD_ERRORS.split(' ').map((code) => `error.${code}`),
      ...PROBLEMS.split(' ').flatMap((code) =>
        ['title', 'detail', 'next'].map((part) => `problem.${code}.${part}`),
      ),
    ]
    expect(keys.filter((key) => !(key in catalogue))).to.deep.equal([])
  })
})

function templates(): string[] {
  const files = readdirSync(viewsDir, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith('.ejs')).map((file) => file.replaceAll('\\', '/'))
}

function checkPage(html: string, state: string): void {
  expect(html).to.match(/^<!doctype html>\n<html lang="en" dir="ltr">/)
  expect(html.trimEnd()).to.match(/<\/html>$/)
  expect(html.match(/<h1[ >]/g), 'one h1').to.have.length(1)
  expect(html).not.to.match(/undefined|\[object Object\]|NaN/)
  expect(html, 'escaped').not.to.match(/<script>|<\/p>'|alert\("x"\)/)
  if (state === 'hostile') expect(html).to.contain('&lt;script&gt;')

  expect(html, 'inline script').not.to.match(/<script(?![^>]* src="\/assets\/)/)
  expect(html, 'inline style').not.to.match(/<style|<[^>]* style=/)
  expect(html, 'event handler').not.to.match(/<[a-z][^<>"]*("[^"]*"[^<>"]*)*\son\w+=/i)
  for (const [form] of html.matchAll(/<form[\s\S]*?<\/form>/g)) {
    expect(form).to.match(/<form[^>]* method="post"/)
    expect(form).to.match(/<input type="hidden" name="(_csrf|xsrf)" value="[^"]+">/)
  }
  const ids = [...html.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]!)
  expect(ids, 'ids are unique').to.deep.equal([...new Set(ids)])
  for (const [, list] of html.matchAll(/aria-describedby="([^"]*)"/g)) {
    for (const id of list!.split(' ')) expect(ids).to.include(id)
  }
}
