/** What a thing that may be used once is, and how what came of many uses at once is judged. */
import type { UserAgent } from '../support/user-agent.ts'
import type { Answer, World } from './single-use-world.ts'

/** One thing that may be used once. */
export interface Thing {
  use(index: number): Promise<Answer>
  /** What is wrong with what came of it; empty when nothing is. */
  judge(answers: Answer[]): Promise<string> | string
}

export interface Kind {
  /** Made anew for each round. */
  make(world: World, jane: UserAgent, round: number): Promise<Thing>
}

/** Exactly one is answered so, everybody else one of the other ways. */
export function oneOf(answers: Answer[], status: number, others: number[]): string {
  return only(answers, (answer) => answer.status === status, [status, ...others])
}

export function only(answers: Answer[], won: (answer: Answer) => boolean, allowed: number[]): string {
  const winners = answers.filter(won).length
  return winners === 1 ? all(answers, allowed) : `${winners} of ${answers.length} won: ${tally(answers)}`
}

export function all(answers: Answer[], allowed: number[]): string {
  return answers.every(({ status }) => allowed.includes(status)) ? '' : tally(answers)
}

export function exactly(wanted: number, found: number): string {
  return found === wanted ? '' : `${found} effects instead of ${wanted}`
}

/** status and error of each, counted */
export function tally(answers: Answer[]): string {
  const found: Record<string, number> = {}
  for (const { status, json, location } of answers) {
    const error = json.error ?? /error=(\w+)/.exec(location)?.[1] ?? ''
    const key = `${status} ${error}`.trim()
    found[key] = (found[key] ?? 0) + 1
  }
  return JSON.stringify(found)
}

export function linkIn(mail: string, what: string): string {
  const path = new RegExp(`https://\\S+(/${what}/\\S+)`).exec(mail)?.[1]
  if (!path) throw new Error(`no link to ${what} in:\n${mail}`)
  return path
}
