/** `ostiary config check`: whether the settings are right, and what is in force. Secrets are never shown. */
import type { Command } from 'commander'
import { effectiveSettings } from '../config/effective.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import { SECRET_NAMES, SETTING_NAMES } from '../config/schema.ts'
import { type Answer, answers } from './answer.ts'
import { FINDINGS } from './doctor/findings.ts'
import { lookAtSettings } from './doctor/settings.ts'
import { group, leaf } from './leaf.ts'

const MASKED = '[secret]'
const SECRETS: ReadonlySet<string> = new Set(SECRET_NAMES)

export function configCommands(program: Command): void {
  const config = group(program, 'config', 'the settings')
  leaf(config, 'check', {
    summary: 'whether the settings are right, and what is in force',
    description: `Validates all settings and names all faults at once; then warns of what is valid and yet weak or without effect.
Shows what is in force and where it comes from, secrets masked. Opens no connection. Exit code 3 when there is a fault
or a warning.`,
    examples: ['config check', 'config check --json'],
  }).action(answers(check))
}

async function check(): Promise<Answer> {
  const given = readSettings()
  const { raw, faults, sources } = given
  const { config, problems } = load()
  const inForce = config ? effectiveSettings(config) : {}
  const settings = SETTING_NAMES.flatMap((name) => {
    const value = raw[name] === undefined ? inForce[name] : raw[name]
    if (value === undefined) return []
    return [{ name, value: SECRETS.has(name) ? MASKED : value, source: sources[name] ?? 'default' }]
  })
  const remarks = config
    ? lookAtSettings(config, given).flatMap((seen) => {
        if ('well' in seen) return []
        const [severity, change] = FINDINGS[seen.code]
        return [{ severity, code: seen.code, what: seen.what, change }]
      })
    : []
  const width = Math.max(0, ...settings.map(({ name }) => name.length))
  const words = [
    ...settings.map(({ name, value, source }) => `${name.padEnd(width)}  ${value}  (${source})`),
    '',
    ...problems.map(({ name, problem }) => `fault    ${name}: ${problem}`),
    ...remarks.map(
      ({ severity, what, change, code }) =>
        `${severity.padEnd(7)}  ${what}  [${code}]\n         -> ${change}`,
    ),
    problems.length === 0
      ? 'The settings are valid.'
      : `${problems.length} faults: Ostiary does not start with these settings.`,
  ]
  const found = problems.length > 0 || remarks.some(({ severity }) => severity !== 'note')
  return {
    json: { valid: problems.length === 0, faults: problems, remarks, settings },
    words: words.join('\n'),
    found,
  }

  function load() {
    try {
      return { config: loadConfig(raw, faults, { looks: true }).config, problems: [] }
    } catch (error) {
      if (error instanceof ConfigError) return { config: undefined, problems: error.faults }
      throw error
    }
  }
}
