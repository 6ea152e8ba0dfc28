/** Every regular expression in the source, and whether its shape lets it run for ever on a text made for it. */
import type { SourceFile } from './source-tree.ts'

/** Begins where no division can, and not with a space. */
const LITERAL =
  /(?<=(?:^|[(=,:[!&|?{};]|=>|return)\s*)\/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*(?=[\s,;)\].:}]|$)/gm

export function regularExpressionsOf({ code }: Pick<SourceFile, 'code'>): string[] {
  return [...code.matchAll(LITERAL)].map(([literal]) => literal)
}

interface Level {
  /** holds something that is repeated without an end */
  repeats: boolean
}

/**
 * A group that is repeated and holds something that is (`(a+)+`), or two repetitions of anything side by side
 * (`.*.*`): the shapes behind exponential and cubic searches. Crude: what is harmless all the same has to be listed.
 */
export function isRisky(literal: string): boolean {
  const source = literal.slice(1, literal.lastIndexOf('/'))
  const levels: Level[] = [{ repeats: false }]
  let closed: Level | undefined
  let before = ''
  for (let index = 0; index < source.length; ) {
    const atom =
      /^(?:\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|[\s\S])/.exec(source.slice(index))?.[0] ??
      ''
    index += atom.length
    if (atom.startsWith('(')) {
      levels.push({ repeats: false })
      closed = undefined
      continue
    }
    if (atom === ')') closed = levels.pop()
    else closed = undefined
    const quantifier = /^(?:[*+]|\{\d+,\})\??/.exec(source.slice(index))?.[0] ?? ''
    index += quantifier.length
    const level = levels.at(-1) as Level
    if (quantifier !== '') {
      if (closed?.repeats) return true
      level.repeats = true
      if (before !== '' && before === atom && atom !== ')') return true
      before = atom
    } else {
      if (closed?.repeats) level.repeats = true
      // What may be absent separates nothing.
      if (!/^(?:\?|\{0,)/.test(source.slice(index))) before = ''
    }
  }
  return false
}
