/**
 * What a command says and how it ends. A command answers with a value and with words for it; `--json` chooses the value.
 * Nothing else is written to stdout. What goes wrong is one sentence on stderr, or one JSON document there.
 */
import { type Command, CommanderError } from 'commander'
import { PROBLEMS } from '../api/problem.ts'
import { ConfigError } from '../config/load.ts'
import { DomainError, InvalidInput } from '../domain/errors.ts'
import { explainStartFailure } from '../start-failure.ts'
import { DataDirectoryError, isUnavailable } from '../storage/faults.ts'

/** What scripts may rely on; `--help` and docs/operations.md say the same. */
export const EXIT = {
  done: 0,
  /** nothing was done, or not all of it */
  failed: 1,
  /** the command line cannot be understood; nothing was begun */
  usage: 2,
  /** done, and there is something to mend: drift, weaknesses, missing migrations, broken checks */
  found: 3,
} as const

export interface Answer {
  /** one document for programs */
  json: unknown
  /** the same for people; nothing is printed for '' */
  words: string
  /** the exit code says so: there is something for the operator to do */
  found?: boolean
}

/** A command that will not or cannot do it, for a reason that the operator can act on. */
export class Refusal extends Error {
  /** stable, for scripts */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'Refusal'
    this.code = code
  }
}

/** The command line says something that cannot be meant: exit code 2, and how the command is used. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Whether the answer is for a program. Known before the command line has been understood, so that its faults are JSON too. */
export function asJson(): boolean {
  const [, , ...words] = process.argv
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).includes('--json')
}

/** A remark beside the answer, for people only. */
export function note(words: string): void {
  if (!asJson()) process.stderr.write(`${words}\n`)
}

/** Wraps a command's work for commander: prints its answer and sets the exit code. */
export function answers<Given extends unknown[]>(
  work: (...given: Given) => Promise<Answer>,
): (...given: Given) => Promise<void> {
  return async (...given) => {
    const { json, words, found } = await work(...given)
    if (asJson()) process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`)
    else if (words !== '') process.stdout.write(`${words}\n`)
    if (found) process.exitCode = EXIT.found
  }
}

/** Tells what went wrong and sets the exit code. @param command whose usage is shown when that was the fault */
export function fail(error: unknown, command: Command): void {
  const { exit, ...failure } = failureOf(error)
  process.exitCode = exit
  // commander has said it already, where its words are for people
  if (exit === EXIT.done || (error instanceof CommanderError && !asJson())) return
  if (asJson()) process.stderr.write(`${JSON.stringify({ error: failure }, undefined, 2)}\n`)
  else if (error instanceof UsageError) {
    process.stderr.write(`error: ${failure.message}

`)
    command.outputHelp({ error: true })
  } else process.stderr.write(`${failure.message}\n`)
}

interface Failure {
  exit: number
  code: string
  message: string
  /** every fault of what was given, by name */
  faults?: { name: string; problem: string }[]
}

function failureOf(error: unknown): Failure {
  const { failed, usage, done } = EXIT
  const { message = String(error) } = error as Error
  if (error instanceof CommanderError)
    return {
      exit: error.exitCode === 0 ? done : usage,
      code: 'usage',
      message: message.replace(/^error: /, ''),
    }
  if (error instanceof UsageError) return { exit: usage, code: 'usage', message }
  if (error instanceof Refusal) return { exit: failed, code: error.code, message }
  if (error instanceof ConfigError)
    return { exit: failed, code: 'invalid_configuration', message, faults: [...error.faults] }
  if (error instanceof InvalidInput) {
    const faults = Object.entries(error.fields).map(([name, { code, params }]) => ({
      ...{ name, problem: [code, ...Object.values(params ?? {})].join(' ') },
    }))
    const lines = faults.map(({ name, problem }) => `  ${name}: ${problem}`)
    return {
      exit: failed,
      code: 'invalid_input',
      message: ['Nothing was changed:', ...lines].join('\n'),
      faults,
    }
  }
  if (error instanceof DomainError)
    return { exit: failed, code: error.code, message: `Nothing was changed: ${wordsOf(error)}.` }
  if (error instanceof DataDirectoryError) {
    const inUse = error.reason === 'in_use'
    const more = inUse ? ' With the embedded database a command runs while Ostiary is stopped.' : ''
    return { exit: failed, code: inUse ? 'database_in_use' : 'data_directory', message: message + more }
  }
  const words = explainStartFailure(error).replace(/^Ostiary could not start: /, '')
  return { exit: failed, code: isUnavailable(error) ? 'database_unavailable' : 'failed', message: words }
}

/** In the API's words, where the rule has none of its own. */
function wordsOf({ code, message }: DomainError): string {
  const [, title] = Object.entries(PROBLEMS).find(([name]) => name === code)?.[1] ?? []
  return message === code && title !== undefined ? title : message.replace(/\.$/, '')
}
