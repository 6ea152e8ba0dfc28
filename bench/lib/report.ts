/** Figures as Markdown, and each goal beside what was measured. */
import { cpus, totalmem } from 'node:os'

/** One goal and what came out. */
export interface Verdict {
  what: string
  figure: string
  goal: string
  met: boolean
}

/** What a stage has to say at the end. */
export interface Chapter {
  title: string
  text: string
  verdicts: Verdict[]
  /** for `--out` */
  data: unknown
}

export function atMost(what: string, value: number, goal: number, unit = 'x', shown?: string): Verdict {
  const digits = unit === 'x' ? 2 : 0
  return {
    what,
    figure: shown ?? value.toFixed(digits) + unit,
    goal: `at most ${goal.toFixed(digits)}${unit}`,
    met: value <= goal,
  }
}

export function machine(): string {
  const all = cpus()
  return `${all.length} x ${all[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.version}`
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return grid([
    ['goal', 'measured', 'asked for', ''],
    ...verdicts.map(({ what, figure, goal, met }) => [what, figure, goal, met ? 'met' : '**missed**']),
  ])
}

export function grid(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...body.map(line)].join('\n')
}
