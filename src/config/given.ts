/** Settings as they were given, to be shown to an operator: where each comes from, and of secrets only that they are there. */
import type { RawSettings } from './read-env.ts'
import { SECRET_NAMES, SETTING_NAMES, type SettingName } from './schema.ts'

/** `secret_file`: by `NAME_FILE`; `file`: the JSON file of settings; `default`: not given */
export type SettingSource = 'environment' | 'secret_file' | 'file' | 'default'

export interface GivenSetting {
  name: SettingName
  /** as it was given; null: it was not, or is secret */
  value: string | null
  secret: boolean
  source: SettingSource
}

export function givenSettings(
  raw: RawSettings,
  sourceOf: (name: SettingName) => Exclude<SettingSource, 'default'>,
): GivenSetting[] {
  return SETTING_NAMES.map((name) => {
    const value = raw[name]
    const secret = (SECRET_NAMES as readonly string[]).includes(name)
    return {
      ...{ name, secret, value: secret ? null : (value ?? null) },
      source: value === undefined ? 'default' : sourceOf(name),
    }
  })
}
