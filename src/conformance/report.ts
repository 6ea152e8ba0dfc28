/** The results as people read them. */
import type { Result } from './probe.ts'

const WORDS = { pass: 'pass', fail: 'FAIL', skip: 'skip' } as const

export interface Report {
  issuer: string
  /** sent in all */
  requests: number
  results: readonly Result[]
}

export function asText({ issuer, requests, results }: Report): string {
  const count = (state: Result['state']) => results.filter((result) => result.state === state).length
  return [
    `${issuer}`,
    '',
    ...results.flatMap(lines),
    '',
    `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped; ${requests} requests, nothing was changed`,
  ].join('\n')
}

function lines({ state, name, title, section, detail, remedy }: Result): string[] {
  const head = `${WORDS[state]}  ${name}: ${title} [${section}]`
  if (state === 'skip') return [`${WORDS.skip}  ${name}: ${detail}`]
  return [head, ...(detail ? [`      ${detail}`] : []), ...(remedy ? [`      -> ${remedy}`] : [])]
}
