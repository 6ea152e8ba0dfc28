/** How long people stay signed in and apps keep access. Pure. */
import type { Config } from './config.ts'
import type { Fault } from './read-env.ts'
import type { SettingName, Settings } from './schema.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 24 * HOUR

/** NIST SP 800-63B-4 2.1.3: sign in again at least every 30 days; without "keep me signed in", every day. */
export function lifetimesOf(settings: Settings): Config['lifetimes'] {
  return {
    session: {
      idle: (settings.SESSION_IDLE_HOURS ?? 12) * HOUR,
      most: (settings.SESSION_MAX_HOURS ?? 24) * HOUR,
    },
    remembered: {
      idle: (settings.REMEMBER_IDLE_DAYS ?? 7) * DAY,
      most: (settings.REMEMBER_MAX_DAYS ?? 30) * DAY,
    },
    refresh: {
      idle: (settings.REFRESH_IDLE_DAYS ?? 30) * DAY,
      most: (settings.REFRESH_MAX_DAYS ?? 90) * DAY,
    },
    api: {
      access: (settings.AUTH_API_ACCESS_MINUTES ?? 30) * MINUTE,
      refresh: (settings.AUTH_API_SIGN_IN_DAYS ?? 30) * DAY,
    },
  }
}

export function checkLifetimes(settings: Settings, faults: Fault[]): void {
  const { session, remembered, refresh } = lifetimesOf(settings)
  const longer = (idle: SettingName, most: SettingName) =>
    faults.push({
      name: idle,
      problem: `must not be longer than ${most}: nobody can be idle for longer than that`,
    })
  if (session.idle > session.most) longer('SESSION_IDLE_HOURS', 'SESSION_MAX_HOURS')
  if (remembered.idle > remembered.most) longer('REMEMBER_IDLE_DAYS', 'REMEMBER_MAX_DAYS')
  if (refresh.idle > refresh.most) longer('REFRESH_IDLE_DAYS', 'REFRESH_MAX_DAYS')
  if (remembered.idle < session.idle)
    faults.push({
      name: 'REMEMBER_IDLE_DAYS',
      problem: 'must not be shorter than SESSION_IDLE_HOURS: "keep me signed in" is there to stay longer',
    })
}
