/**
 * A lock file that says which process has a directory open. PGlite itself lets two processes open one directory,
 * which destroys it. The lock of a dead process is taken over; "dead" is judged on this machine only.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface DirectoryLock {
  release(): Promise<void>
}

interface Holder {
  pid: number
  /** kernel's start time of the process: a container gives every run the same pid */
  started: string | undefined
}

/** Locks this process holds: its own pid in a file is no proof of being alive after a restart in a container. */
const held = new Set<string>()
let attempts = 0

/** Takes the lock, or names the living process that has it. */
export async function lockDirectory(directory: string): Promise<DirectoryLock | { heldBy: number }> {
  const file = join(directory, 'postgres.lock')
  if (held.has(file)) return { heldBy: process.pid }
  const own = `${file}.${process.pid}.${++attempts}`
  const content = JSON.stringify({ pid: process.pid, started: await startOf(process.pid) } satisfies Holder)
  await writeFile(own, content, { mode: 0o600 })
  try {
    for (;;) {
      // A link appears whole or not at all, so nobody ever reads half a lock.
      if (await linked(own, file)) break
      const found = await readFile(file, 'utf8').catch(() => undefined)
      if (found === undefined) continue
      const holder = parse(found)
      if (holder && (await isAlive(holder))) return { heldBy: holder.pid }
      await removeStale(file, `${own}.stale`, found)
    }
  } finally {
    await rm(own, { force: true })
  }
  held.add(file)
  return {
    async release() {
      held.delete(file)
      const found = await readFile(file, 'utf8').catch(() => undefined)
      if (found === content) await rm(file, { force: true })
    },
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves the stale lock away; if another process took over in the meantime, its lock is put back. */
async function removeStale(file: string, aside: string, judged: string): Promise<void> {
  try {
    await rename(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== judged) await linked(aside, file)
  await rm(aside, { force: true })
}

function parse(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder
    return Number.isInteger(holder.pid) && holder.pid > 0 ? holder : undefined
  } catch {
    return undefined
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const started = await startOf(holder.pid)
  if (holder.started !== undefined && started !== undefined) return started === holder.started
  if (holder.pid === process.pid) return false
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Boot and start time of a process where the system tells (Linux), else undefined. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The second field, the command in brackets, may hold spaces; the start time is field 22.
    const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return field && `${boot}:${field}`
  } catch {
    return undefined
  }
}
