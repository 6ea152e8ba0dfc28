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
    description: `Prints what your shell needs, when the folder of the command is in your PATH.

bash: eval "$(ostiary completion bash)" in ~/.bashrc

zsh: eval "$(ostiary completion zsh)" in ~/.zshrc, after compinit

fish: ostiary completion fish > ~/.config/fish/completions/ostiary.fish`,
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
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word) => ({ word, summary: description })),
    ),
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

/** What may follow the words so far, for bash and zsh: those that are no commands are passed over. */
function following(all: readonly Place[]): string {
  const known = all.map(({ path }) => `"${path}"`).join('|')
  const cases = all.map(({ path, next }) => {
    return `    "${path}") echo "${next.map(({ word }) => word).join(' ')}" ;;`
  })
  return `_ostiary_next() {
  local at="" word try
  for word in "$@"; do
    try="\${at:+$at }$word"
    case "$try" in ${known}) at="$try" ;; esac
  done
  case "$at" in
${cases.join('\n')}
  esac
}`
}

/** Where nothing but options may follow, an empty word is the beginning of a file's name. */
function bash(all: readonly Place[]): string {
  return `${following(all)}
_ostiary() {
  local word="\${COMP_WORDS[COMP_CWORD]}" next
  next="$(_ostiary_next "\${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  if [[ -z "$word" && "$next" == --* ]]; then next=""; fi
  COMPREPLY=($(compgen -W "$next" -- "$word"))
}
complete -o default -F _ostiary ostiary`
}

function zsh(all: readonly Place[]): string {
  return `${following(all)}
_ostiary() {
  local next="$(_ostiary_next "\${(@)words[2,CURRENT-1]}")"
  if [[ -z "$PREFIX" && "$next" == --* ]]; then next=""; fi
  compadd -- \${=next} || _files
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
