/** How each subcommand is declared: with a sentence, an example and `--json`. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ZodType } from 'zod'
import { GIVABLE } from '../api/schemas.ts'
import { plain } from '../domain/failures/as-text.ts'
import type { Permission } from '../domain/permissions/permissions.ts'

export interface About {
  /** one line in the list of the group */
  summary: string
  /** more than a line, in its own help; an empty line begins a paragraph, all other breaks are the source's */
  description?: string
  /** whole command lines without `ostiary` */
  examples: readonly string[]
}

/** one within a paragraph */
const LINE_BREAK = /(?<!\n)\n(?!\n)/g

/** Words that stand for several subcommands: `ostiary user …`. */
export function group(parent: Command, name: string, summary: string): Command {
  return parent.command(name).summary(summary).description(sentence(summary))
}

/** @param usage name and arguments, as in `revoke <kid>` */
export function leaf(
  parent: Command,
  usage: string,
  { summary, description, examples }: About,
  options?: { isDefault?: boolean },
): Command {
  const lines = examples.map((line) => `  ostiary ${line}`)
  return parent
    .command(usage, options)
    .summary(summary)
    .description(description?.replaceAll(LINE_BREAK, ' ') ?? sentence(summary))
    .option('--json', 'one JSON document on stdout, errors as JSON on stderr')
    .addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${lines.join('\n')}`)
}

/** The line of a list, where it stands alone. */
function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
}

/** Where to, of a command that writes a file. */
export const NEW_FILE = 'where to; nothing must be there yet'

/** Reads an option as a moment. */
export function timeOf(text: string): Date {
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It must be a time, as in 2026-11-01T12:00:00Z.')
  return time
}

/** Reads what the API takes, too. @param rule whose messages go on from "It" */
export function ruled(rule: ZodType<string>): (text: string) => string {
  return (text) => {
    const { error } = rule.safeParse(text)
    if (error) throw new InvalidArgumentError(`It ${error.issues[0]?.message}.`)
    return text
  }
}

/** Reads `users:read,clients:read`: what a role, or an application by itself, can be allowed. */
export function permissionList(text: string): Permission[] {
  const names = [...new Set(commaList(text))]
  const given = GIVABLE.filter((name) => names.includes(name))
  if (given.length < names.length || given.length === 0)
    throw new InvalidArgumentError(`It must be a list of permissions: ${GIVABLE.join(', ')}.`)
  return given
}

/** Reads an option as a whole number. */
export function wholeNumber(least: number, most = 999_999): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return number
  }
}

/** Reads `a,b, c` as a list. */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/** One line of a list for people. What it tells may be a stranger's: nothing in it can move the cursor or begin a line. */
export function line(...parts: readonly (string | number | undefined)[]): string {
  return parts
    .filter((part) => part !== undefined && part !== '')
    .map((part) => plain(String(part)))
    .join('  ')
}

/** A moment as people read it, always UTC. */
export function moment(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
