/**
 * Finds the programs the tests need. Nothing here is optional: a test that needs PostgreSQL, Redis or a browser
 * runs against the real one or the run fails. `SERVICE_PACKAGES` says where each comes from on Debian.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What must be there, and the Debian package that brings it. */
export const SERVICE_PACKAGES = {
  postgres: 'postgresql',
  redis: 'redis-server',
  chromium: 'chromium',
} as const

export type ServiceName = keyof typeof SERVICE_PACKAGES

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
}

/** Debian keeps the server's programs out of PATH, one folder for each major version; newest first. */
function debianPostgresFolders(): string[] {
  const base = '/usr/lib/postgresql'
  try {
    const versions = readdirSync(base).filter((name) => /^\d+$/.test(name))
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(base, version, 'bin'))
  } catch {
    return []
  }
}

/** The folder that holds both `initdb` and `postgres` (they must be of one version). */
export function findPostgres(): string | undefined {
  return [...debianPostgresFolders(), ...pathFolders()].find(
    (folder) => isExecutable(join(folder, 'initdb')) && isExecutable(join(folder, 'postgres')),
  )
}

export function findRedis(): string | undefined {
  return pathFolders()
    .map((folder) => join(folder, 'redis-server'))
    .find(isExecutable)
}

/** `TEST_CHROMIUM` wins, so that a developer may point at another build. */
export function findChromium(): string | undefined {
  const chosen = process.env.TEST_CHROMIUM
  if (chosen) return isExecutable(chosen) ? chosen : undefined
  return CHROMIUM_NAMES.flatMap((name) => pathFolders().map((folder) => join(folder, name))).find(
    isExecutable,
  )
}

/** What is not there. */
export function missingServices(): ServiceName[] {
  const found: Record<ServiceName, string | undefined> = {
    postgres: findPostgres(),
    redis: findRedis(),
    chromium: findChromium(),
  }
  return (Object.keys(found) as ServiceName[]).filter((name) => found[name] === undefined)
}
