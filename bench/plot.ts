/**
 * `node bench/plot.ts results.json docs/performance.svg`: what a run measured (`--out`), drawn. Bars: each flow as a
 * multiple of the engine in memory, with its goal. Lines: the same flows as the tables grow. Readable on light and dark.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { ratio, type Turn } from './lib/alternate.ts'
import type { FlowName } from './lib/options.ts'
import type { Chapter } from './lib/report.ts'
import { GOALS } from './stages/flows.ts'

const WIDTH = 760
const LEFT = 110
const RIGHT = 90
const ROW = 30
const PLOT = WIDTH - LEFT - RIGHT
const TICKS = 5

const STYLE = `
.paper { fill: #fff }
text { font: 13px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600; font-size: 15px }
.soft { fill: #666; font-size: 12px }
.axis { stroke: #999; stroke-width: 1 }
.grid { stroke: #ddd; stroke-width: 1 }
.bar { fill: #2f7d6d }
.range { stroke: #14453b; stroke-width: 2 }
.goal { stroke: #c2410c; stroke-width: 3 }
.line { fill: none; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
  .paper { fill: #14181b }
  text { fill: #eee } .soft { fill: #aaa } .axis { stroke: #777 } .grid { stroke: #3a3a3a }
  .bar { fill: #4fb3a0 } .range { stroke: #d4f5ee } .goal { stroke: #fb923c }
}`

/** Told apart on white and on black, and by people who see fewer colours. */
const COLOURS = ['#0f8a8a', '#d97706', '#7c6ee6', '#d1467a', '#6b8e23']

interface Results {
  about: string[]
  chapters: Chapter[]
}

function draw({ about, chapters }: Results): string {
  const of = <T>(title: string) => chapters.find((it) => it.title === title)?.data as T | undefined
  const flows = of<{ turns: Record<FlowName, Turn[]> }>('Flows')
  const growth = of<{ sizes: number[]; turns: Record<FlowName, Turn[]> }>('Growth')
  const parts = [flows && bars(flows.turns), growth && growth.sizes.length > 1 && lines(growth)].filter(
    (it) => it !== undefined && it !== false,
  )
  let top = 10
  const drawn = parts.map((part) => {
    const placed = `<g transform="translate(0 ${top})">${part.svg}</g>`
    top += part.height + 20
    return placed
  })
  const note = text(10, top + 8, about[0] ?? '', 'soft')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 20}" role="img" aria-label="Ostiary's cost by flow and by size of the tables"><style>${STYLE}</style><rect class="paper" width="100%" height="100%" rx="6"/>${drawn.join('')}${note}</svg>\n`
}

function bars(turns: Record<FlowName, Turn[]>): { svg: string; height: number } {
  const rows = (Object.keys(turns) as FlowName[]).flatMap((flow) => {
    const goal = GOALS[flow]?.engine
    return goal === undefined ? [] : [{ flow, goal, found: ratio(turns[flow], 'Ostiary', 'engine') }]
  })
  const most = Math.max(...rows.flatMap(({ goal, found }) => [goal, found.max]))
  const { step, end } = ticks(most)
  const x = (value: number) => LEFT + (value / end) * PLOT
  const height = 40 + rows.length * ROW
  const svg = [
    text(10, 16, 'CPU of a request, server and database, as a multiple of the engine in memory', 'title'),
    ...upTo(end, step).map(
      (value) =>
        line(x(value), 28, x(value), height, value === 0 ? 'axis' : 'grid') +
        text(x(value), height + 15, value.toFixed(step < 1 ? 1 : 0), 'soft', 'middle'),
    ),
    ...rows.flatMap(({ flow, goal, found }, index) => {
      const y = 34 + index * ROW
      return [
        text(LEFT - 8, y + 16, flow, '', 'end'),
        `<rect class="bar" x="${LEFT}" y="${y}" width="${round(x(found.median) - LEFT)}" height="${ROW - 8}" rx="2"/>`,
        line(x(found.min), y + 11, x(found.max), y + 11, 'range'),
        line(x(goal), y - 3, x(goal), y + ROW - 5, 'goal'),
        text(WIDTH - RIGHT + 8, y + 16, `${found.median.toFixed(2)}x`),
      ]
    }),
    text(
      LEFT,
      height + 32,
      'Bar: median; thin line: from the best to the worst round; upright line: the goal.',
      'soft',
    ),
  ]
  return { svg: svg.join(''), height: height + 36 }
}

function lines({ sizes, turns }: { sizes: number[]; turns: Record<FlowName, Turn[]> }): {
  svg: string
  height: number
} {
  const names = sizes.map((power) => `10^${power}`)
  const base = names[0] ?? ''
  const rows = (Object.keys(turns) as FlowName[]).map((flow) => ({
    flow,
    found: names.map((name) => ratio(turns[flow], name, base).median),
  }))
  const height = 240
  const most = Math.max(1.2, ...rows.flatMap(({ found }) => found))
  const least = Math.min(0.8, ...rows.flatMap(({ found }) => found))
  const span = (sizes.at(-1) ?? 1) - (sizes[0] ?? 0)
  const x = (power: number) => LEFT + ((power - (sizes[0] ?? 0)) / span) * PLOT
  const y = (value: number) => 30 + ((most - value) / (most - least)) * (height - 50)
  const levels = upTo(most, 0.1).filter((value) => value >= least)
  const svg = [
    text(10, 16, 'CPU of a request as the tables grow, as a multiple of 1,000 people', 'title'),
    ...levels.map(
      (value) =>
        line(LEFT, y(value), LEFT + PLOT, y(value), 'grid') +
        text(LEFT - 8, y(value) + 4, value.toFixed(1), 'soft', 'end'),
    ),
    line(LEFT, y(1.1), LEFT + PLOT, y(1.1), 'goal'),
    ...sizes.map((power) =>
      text(
        x(power),
        height,
        `${(10 ** power).toLocaleString('en')} people`,
        'soft',
        power === sizes[0] ? 'start' : 'middle',
      ),
    ),
    ...rows.map(({ flow, found }, index) => {
      const colour = COLOURS[index % COLOURS.length] ?? ''
      const points = found.map((value, at) => `${round(x(sizes[at] ?? 0))},${round(y(value))}`)
      const label = `<rect x="${LEFT + index * 115}" y="${height + 14}" width="12" height="12" rx="2" fill="${colour}"/>${text(LEFT + index * 115 + 18, height + 25, flow)}`
      return `<polyline class="line" stroke="${colour}" points="${points.join(' ')}"/>${label}`
    }),
  ]
  return { svg: svg.join(''), height: height + 34 }
}

function ticks(most: number): { step: number; end: number } {
  const step = [0.2, 0.5, 1, 2, 5, 10, 20].find((value) => most / value <= TICKS) ?? 50
  return { step, end: Math.ceil(most / step) * step }
}

function upTo(end: number, step: number): number[] {
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step)
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

function text(x: number, y: number, words: string, kind = '', anchor = 'start'): string {
  const safe = words.replace(/[<&]/g, (sign) => (sign === '<' ? '&lt;' : '&amp;'))
  return `<text x="${round(x)}" y="${round(y)}" class="${kind}" text-anchor="${anchor}">${safe}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined) {
  console.error('usage: node bench/plot.ts results.json picture.svg')
  process.exitCode = 1
} else writeFileSync(to, draw(JSON.parse(readFileSync(from, 'utf8')) as Results))
