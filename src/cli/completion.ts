/** `ostiary completion`: what a shell needs to complete commands and options. Made from the commands themselves. */
import { Argument, type Command } from 'commander'
import { answers } from './answer.ts'
import { leaf } from './leaf.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** The words of a command, and what may follow them. */
interface Place {
  /** `client lint`, '' for the program */
  path: string
  next: { word: string; summary: string }[]
}

export function completionCommand(program: Command): void {
  leaf(program, 'completion', {
    summary: 'completion of commands and options in your shell',
    description: `Prints what your shell needs. bash: eval "$(ostiary completion bash)" in ~/.bashrc; zsh: the same with zsh, after
compinit, in ~/.zshrc; fish: ostiary completion fish > ~/.config/fish/completions/ostiary.fish.`,
    examples: ['completion bash', 'completion fish'],
  })
    .addArgument(new Argument('<shell>', 'for which').choices(SHELLS))
    .action(
      answers(async (shell: Shell) => {
        const script = WRITERS[shell](places(program))
        return { json: { shell, script }, words: script }
      }),
    )
}

function places(command: Command, path: readonly string[] = []): Place[] {
  const next = [
    ...command.commands.map((one) => ({ word: one.name(), summary: one.summary() })),
    ...command.options.flatMap(({ long, description }) =>
      long ? [{ word: long, summary: description }] : [],
    ),
    { word: '--help', summary: 'how it is used' },
  ]
  return [
    { path: path.join(' '), next },
    ...command.commands.flatMap((one) => places(one, [...path, one.name()])),
  ]
}

/** Both walk the words that are no options until they are no command any more. */
function cases(all: readonly Place[]): string {
  return all
    .map(({ path, next }) => `    "${path}") echo "${next.map(({ word }) => word).join(' ')}" ;;`)
    .join('\n')
}

const known = (all: readonly Place[]) => all.map(({ path }) => `"${path}"`).join('|')

function bash(all: readonly Place[]): string {
  return `_ostiary_words() {
  case "$1" in
${cases(all)}
  esac
}
_ostiary() {
  local path="" word try
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    try="\${path:+$path }$word"
    case "$try" in ${known(all)}) path="$try" ;; esac
  done
  COMPREPLY=($(compgen -W "$(_ostiary_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ostiary ostiary`
}

function zsh(all: readonly Place[]): string {
  return `_ostiary_words() {
  case "$1" in
${cases(all)}
  esac
}
_ostiary() {
  local at="" word try
  for word in "\${(@)words[2,CURRENT-1]}"; do
    try="\${at:+$at }$word"
    case "$try" in ${known(all)}) at="$try" ;; esac
  done
  compadd -- \${=$(_ostiary_words "$at")} || _files
}
compdef _ostiary ostiary`
}

function fish(all: readonly Place[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = all.flatMap(({ path, next }) =>
    next.map(({ word, summary }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`
      return `complete -c ostiary -n ${quoted(`_ostiary_at ${quoted(path)}`)} ${what} -d ${quoted(summary)}`
    }),
  )
  return `function _ostiary_at
  set -l at ""
  for word in (commandline -opc)[2..]
    set -l try (string trim "$at $word")
    contains -- "$try" ${all.map(({ path }) => quoted(path)).join(' ')}; and set at "$try"
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}`
}

const WRITERS: Record<Shell, (all: readonly Place[]) => string> = { bash, zsh, fish }
