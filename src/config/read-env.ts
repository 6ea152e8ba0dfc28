/**
 * Reads settings as strings from the environment and `config/ostiary.json`; decides nothing.
 * One vocabulary: the file's keys are the variables' names. The environment wins. Secrets may come from `NAME_FILE`.
 */
import { readFileSync } from 'node:fs'
import { SECRET_NAMES, SETTING_NAMES, type SettingName } from './schema.ts'

export type RawSettings = Partial<Record<SettingName, string>>

export interface Fault {
  name: string
  problem: string
}

export interface ReadSettings {
  raw: RawSettings
  faults: Fault[]
  /** where each that is set comes from: `environment`, a file's path, `NAME_FILE (path)` */
  sources: Partial<Record<SettingName, string>>
  /** the settings file, there or not */
  file: string
}

/** @param configFile path of the optional JSON file; a missing default file is fine */
export function readSettings(
  env: NodeJS.ProcessEnv = process.env,
  configFile: string = env.OSTIARY_CONFIG ?? 'config/ostiary.json',
): ReadSettings {
  const faults: Fault[] = []
  const raw: RawSettings = {}
  const sources: ReadSettings['sources'] = {}
  const fromFile = readConfigFile(configFile, env.OSTIARY_CONFIG !== undefined, faults)
  for (const [name, value] of Object.entries(fromFile)) {
    if (isSettingName(name)) {
      raw[name] = typeof value === 'string' ? value : JSON.stringify(value)
      sources[name] = configFile
    } else faults.push({ name, problem: `is not a setting (in ${configFile})${nearest(name)}` })
  }
  for (const name of SETTING_NAMES) {
    const value = env[name]
    if (value === undefined || value === '') continue
    raw[name] = value
    sources[name] = 'environment'
  }
  for (const name of SECRET_NAMES) {
    const path = env[`${name}_FILE`]
    if (path === undefined || path === '') continue
    if (env[name]) faults.push({ name, problem: `is set both directly and by ${name}_FILE; keep one` })
    try {
      raw[name] = readFileSync(path, 'utf8').trim()
      sources[name] = `${name}_FILE (${path})`
    } catch (error) {
      faults.push({
        name: `${name}_FILE`,
        problem: `cannot be read (${(error as NodeJS.ErrnoException).code})`,
      })
    }
  }
  for (const name of Object.keys(env)) {
    const ours = name.startsWith('OSTIARY_') && name !== 'OSTIARY_CONFIG'
    const base = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name
    if (ours && !isSettingName(base)) faults.push({ name, problem: `is not a setting${nearest(name)}` })
  }
  return { raw, faults, sources, file: configFile }
}

/** Where a setting that was given comes from. The environment wins over the file. */
export function sourceOf(
  name: SettingName,
  env: NodeJS.ProcessEnv = process.env,
): 'environment' | 'secret_file' | 'file' {
  if (env[name]) return 'environment'
  return env[`${name}_FILE`] ? 'secret_file' : 'file'
}

/** Whether `npm start` (or `npm run dev`, `npm run ostiary -- start`) is between us and whoever started us. */
export function startedByNpm(env: NodeJS.ProcessEnv = process.env): boolean {
  return ['start', 'dev', 'ostiary'].includes(env.npm_lifecycle_event ?? '')
}

/** A variable that a file names instead of holding a secret; undefined: it is not set. */
export function readVariable(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env[name]
}

function readConfigFile(path: string, required: boolean, faults: Fault[]): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' || required) faults.push({ name: path, problem: `cannot be read (${code})` })
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
    faults.push({ name: path, problem: 'must hold one JSON object of settings' })
  } catch (error) {
    faults.push({ name: path, problem: `is not JSON: ${(error as Error).message}` })
  }
  return {}
}

function isSettingName(name: string): name is SettingName {
  return (SETTING_NAMES as readonly string[]).includes(name)
}

function nearest(name: string): string {
  const wanted = name.toUpperCase().replace(/^OSTIARY_/, '')
  const hit = SETTING_NAMES.find((known) => known.includes(wanted) || wanted.includes(known))
  return hit ? `; did you mean ${hit}?` : ''
}
