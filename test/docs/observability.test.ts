/**
 * The dashboard, the alert rules and the table of metrics name what `/metrics` has. How far a test here can tell that
 * an expression is one: names, labels, functions and brackets; `promtool check rules` of Debian's `prometheus` reads
 * the rest, and did when they were written.
 */
import { expect } from 'chai'
import { parse } from 'yaml'
import { createPerson } from '../support/people.ts'
import { get, JANE, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { quoted, readDoc, tableRows } from './markdown.ts'

const METRICS = 'a-token-for-the-metrics-of-the-test-0123456789'
/** Those of Prometheus that are used here. */
const FUNCTIONS = new Set([
  ...['sum', 'max', 'min', 'topk', 'rate', 'increase', 'histogram_quantile', 'by', 'without'],
])
/** Labels that Prometheus adds, and one of its own metrics. */
const ADDED = ['job', 'instance']
const OWN = new Map([['up', new Set(ADDED)]])

interface Rule {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string; description: string }
}
interface Panel {
  title: string
  type: string
  targets?: { expr: string; legendFormat: string }[]
}

const rules = (
  parse(readDoc('docs/observability/alerts.yaml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(readDoc('docs/observability/dashboard.json')) as { panels: Panel[] }
const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
]

describe('docs/observability', function () {
  this.timeout(60_000)
  let app: RunningApp
  /** by name, also of the parts of a histogram: the labels it has */
  const known = new Map<string, Set<string>>(OWN)
  const types = new Map<string, string>()
  before(async () => {
    app = await startApp({
      stack: 'postgres+redis',
      settings: { METRICS_TOKEN: METRICS },
      overrides: { clients: [webClient()] },
    })
    await createPerson(app, JANE)
    await signIn(await discover(app.issuer))
    const { text } = await get(`${app.issuer}/metrics`, { bearer: METRICS })
    for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      types.set(name, type)
      const parts = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      for (const part of parts) known.set(name + part, new Set(ADDED))
    }
    for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm))
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.get(name)?.add(label)
  })
  after(() => app?.close())

  it('have expressions, each under a name that says what for', () => {
    expect(rules.length).to.be.above(10)
    expect(new Set(rules.map(({ alert }) => alert)).size).to.equal(rules.length)
    for (const { alert, for: how, labels, annotations } of rules) {
      expect(alert).to.match(/^Ostiary[A-Z]\w+$/)
      expect(how, alert).to.match(/^\d+[mh]$/)
      expect(labels.severity, alert).to.be.oneOf(['critical', 'warning', 'info'])
      expect(annotations.summary.length, alert).to.be.above(10)
      expect(annotations.description.length, alert).to.be.above(10)
    }
    const panels = dashboard.panels.filter(({ type }) => type !== 'row')
    expect(new Set(panels.map(({ title }) => title)).size).to.equal(panels.length)
    for (const { title, targets = [] } of panels) expect(targets.length, title).to.be.above(0)
  })

  for (const [where, expr] of expressions)
    it(`${where}: ${expr.replace(/\s+/g, ' ').slice(0, 90)}`, () => {
      expect(faultsOf(expr, known)).to.deep.equal([])
    })

  it('has a row for every metric of ours, and for no other', () => {
    const rows = tableRows(readDoc('docs/observability/README.md'), 'metric', 'what it says')
    const told = rows.flatMap(([names = '']) => quoted(names)).filter((name) => name.startsWith('ostiary_'))
    const there = [...known.keys()]
      .filter((name) => name.startsWith('ostiary_') && !/_(bucket|sum)$/.test(name))
      .map((name) => (known.has(name.replace(/_count$/, '_bucket')) ? name.replace(/_count$/, '') : name))
    expect(told.sort()).to.deep.equal(there.sort())
  })

  it('names what is measured as Prometheus asks: counts in `_total`, times in seconds, sizes in bytes', () => {
    const ours = [...types].filter(([name]) => name.startsWith('ostiary_'))
    expect(ours.length).to.be.above(10)
    for (const [name, type] of ours) {
      expect(name.endsWith('_total'), name).to.equal(type === 'counter')
      if (type === 'histogram') expect(name).to.match(/_seconds$/)
      expect(name)
        .to.match(/^[a-z_]+$/)
        .and.not.match(/_(ms|milliseconds|minutes|kb|kib|mb|percent)$/)
    }
  })

  it('would notice a name, a label, a function or a bracket that is wrong', () => {
    for (const wrong of [
      'rate(ostiary_no_such_total[5m])',
      'ostiary_up{no_such="x"}',
      'sum by (no_such) (ostiary_up)',
      'average(ostiary_up)',
      'sum(rate(ostiary_tokens_total[5m])',
      'ostiary_up{dependency="database"',
    ])
      expect(faultsOf(wrong, known), wrong).to.not.deep.equal([])
  })
})

function faultsOf(expr: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const faults: string[] = []
  const bare = expr.replace(/"[^"]*"/g, '""')
  const open: string[] = []
  for (const [bracket] of bare.matchAll(/[(){}[\]]/g))
    if ('({['.includes(bracket)) open.push(bracket)
    else if (open.pop() !== { ')': '(', '}': '{', ']': '[' }[bracket])
      faults.push(`${bracket} closes nothing`)
  if (open.length > 0) faults.push(`${open.join()} stays open`)

  const names = [
    ...bare.replace(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|without)\s*\([^)]*\)/g, ' ').matchAll(/(?<!\w)[a-z_]\w*/gi),
  ]
    .map(([name]) => name)
    .filter((name) => !FUNCTIONS.has(name))
  for (const name of names) if (!known.has(name)) faults.push(`there is no ${name}`)
  if (names.length === 0) faults.push('no metric')
  for (const [, name = '', selector = ''] of bare.matchAll(/(\w+)\{([^}]*)\}/g))
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*[=!]/g))
      if (!known.get(name)?.has(label)) faults.push(`${name} has no label ${label}`)
  for (const [, list = ''] of bare.matchAll(/\bby\s*\(([^)]*)\)/g))
    for (const label of list.split(',').map((each) => each.trim()))
      if (!names.some((name) => known.get(name)?.has(label))) faults.push(`nothing has the label ${label}`)
  return faults
}
