/** An explanation for a terminal. Everything foreign loses what a terminal would obey (escape sequences, bidi marks). */
import { type FailureRecord, shownCode } from './record.ts'
import type { Explanation } from './rule.ts'

const WIDTH = 11

export function asText(failure: FailureRecord, explanation: Explanation): string {
  const { sent, expected, nearest, difference, change, standard } = explanation
  const rows: [string, string | undefined][] = [
    ['sent', sent],
    ['expected', expected],
    ['nearest', nearest],
    ['difference', difference && `it ${difference}`],
    ['change', change],
    ['standard', `${standard.name} <${standard.url}>`],
  ]
  const request: [string, string | undefined][] = [
    ['code', shownCode(failure.code)],
    ['request', failure.requestId],
    ['time', failure.at],
    ['endpoint', `${failure.method} ${failure.endpoint}, answered ${failure.status} ${failure.error}`],
    ['client', failure.clientId ?? '(not named)'],
    ['presented', failure.presented.join(', ')],
  ]
  return [
    plain(explanation.summary),
    '',
    ...lines(rows),
    '',
    'The request',
    ...lines(request),
    ...lines(Object.entries(failure.sent)),
    ...Object.entries(failure.jwts).flatMap(([name, facts]) => [
      `  ${name} says`,
      ...lines(Object.entries(facts)),
    ]),
  ].join('\n')
}

/** C0 and C1 controls, line separators and marks that turn the direction of writing become visible. */
export function plain(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (mark) => `\\u${mark.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

function lines(rows: readonly (readonly [string, string | number | undefined])[]): string[] {
  return rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `  ${plain(name).padEnd(WIDTH)} ${plain(String(value))}`)
}
