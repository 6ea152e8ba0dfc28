/** A password that an administrator stopped: kept to refuse the same again, and good for nothing else. */
const STOPPED = '$stopped$'

/** As the hash of one that is stopped is stored: no hasher reads it, so that signing in costs what it does for nobody. */
export function stopped(phc: string): string {
  return isStopped(phc) ? phc : STOPPED + phc
}

export function isStopped(phc: string): boolean {
  return phc.startsWith(STOPPED)
}

/** The hash itself. */
export function unstopped(phc: string): string {
  return isStopped(phc) ? phc.slice(STOPPED.length) : phc
}
