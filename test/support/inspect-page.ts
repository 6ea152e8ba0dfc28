/**
 * What every page must pass in every state it is reached in: axe-core finds nothing in light and in dark, and nothing
 * is wider than a window of 320 px (WCAG 2.2, 1.4.10). Pictures for people: JOURNEY_PICTURES=<folder>.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCHEMES = ['light', 'dark'] as const
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
/** Pages have landmarks and the like, too; a mail is shown inside somebody else's page. */
const RULES = { page: [...WCAG, 'best-practice'], mail: WCAG }
const WIDTHS = [360, 1280]

interface Violation {
  id: string
  nodes: { html: string; failureSummary?: string }[]
}

/**
 * The same for a page of a browser without JavaScript, where axe could not run either: what the page is made of, as it
 * is now, in a browser that runs nothing of the page's own.
 */
export async function inspectStill(
  page: Page,
  state: string,
  kind: keyof typeof RULES = 'page',
): Promise<void> {
  const context = await page
    .context()
    .browser()!
    .newContext({ viewport: { width: 1280, height: 900 } })
  try {
    const body = await page.content()
    const twin = await context.newPage()
    await twin.route('**/*.js', (route) => route.abort())
    await twin.route(page.url(), (route) => route.fulfill({ body, contentType: 'text/html; charset=utf-8' }))
    await twin.goto(page.url())
    await inspectPage(twin, state, kind)
  } finally {
    await context.close()
  }
}

/** Throws a list of what is wrong with the page as it is now; leaves the page as it was. */
export async function inspectPage(
  page: Page,
  state: string,
  kind: keyof typeof RULES = 'page',
): Promise<void> {
  const faults: string[] = []
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme })
    for (const { id, nodes } of await violations(page, RULES[kind]))
      faults.push(
        ...nodes.map((node) => `${colorScheme}: ${id}: ${node.html}\n    ${node.failureSummary ?? ''}`),
      )
    await takePictures(page, `${state}-${colorScheme}`)
  }
  await page.emulateMedia({ colorScheme: 'light' })
  const usual = page.viewportSize()
  if (usual) {
    await page.setViewportSize({ width: 320, height: 640 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (wide > 0) faults.push(`at 320 px it is ${wide} px too wide`)
    await page.setViewportSize(usual)
  }
  if (faults.length > 0) throw new Error(`${state} (${page.url()}):\n${faults.join('\n')}`)
}

async function violations(page: Page, rules: string[]): Promise<Violation[]> {
  // Evaluated by the debugger, which no content security policy holds back.
  await page.evaluate(AXE)
  return page.evaluate(async (tags) => {
    // biome-ignore lint/suspicious/noExplicitAny: put there by the line above
    const { axe } = window as any
    const found = await axe.run(document, { runOnly: tags, resultTypes: ['violations'], iframes: false })
    return found.violations as Violation[]
  }, rules)
}

async function takePictures(page: Page, name: string): Promise<void> {
  const folder = process.env.JOURNEY_PICTURES
  const usual = page.viewportSize()
  if (!folder || !usual) return
  mkdirSync(folder, { recursive: true })
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 500 ? 740 : 900 })
    await page.screenshot({ path: join(folder, `${name}-${width}.png`), fullPage: true })
  }
  await page.setViewportSize(usual)
}
