/**
 * Installs the programs the tests need where that is possible (root on a machine with apt-get), else says which
 * command does it. The packaged services themselves are never started: the tests bring up their own, on free ports.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { missingServices, SERVICE_PACKAGES } from './binaries.ts'

/** Debian asks this file before a package starts its service; 101 means "do not". */
const POLICY = '/usr/sbin/policy-rc.d'

function apt(args: string[]): boolean {
  console.log(`$ apt-get ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

function installQuietly(packages: string[]): boolean {
  const ownPolicy = !existsSync(POLICY)
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return apt(['update']) && apt(['install', '-y', '--no-install-recommends', ...packages])
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true })
  }
}

/** undefined: everything is there. Otherwise a sentence that says what is missing and what brings it. */
export function ensureServices(): string | undefined {
  const missing = missingServices()
  if (missing.length === 0) return undefined
  const packages = missing.map((name) => SERVICE_PACKAGES[name])
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const names = missing.join(', ')
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0
  if (!hasApt) {
    return `The tests need ${names}. Install PostgreSQL, Redis and Chromium so that they are in PATH and run again.`
  }
  if (process.getuid?.() !== 0)
    return `The tests need ${names}. Run this as root and try again:\n  ${command}`
  if (!installQuietly(packages)) return `Installing ${names} failed. The command was:\n  ${command}`
  const still = missingServices()
  return still.length === 0 ? undefined : `Still missing after installing: ${still.join(', ')}`
}
