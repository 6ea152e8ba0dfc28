/** CPU time of processes, read from Linux' /proc: what an operation costs, whoever else is busy on the machine. */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second here, on every architecture it runs on. */
const TICK_MS = 10

interface Entry {
  parent: number
  /** own time and that of children that have ended */
  milliseconds: number
}

export function cpuIsReadable(): boolean {
  return process.platform === 'linux'
}

/** Milliseconds used so far by a process and everything below it. */
export function cpuOf(root: number): number {
  const entries = new Map<number, Entry>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const entry = read(name)
    if (entry) entries.set(Number(name), entry)
  }
  let sum = 0
  for (const [pid, { milliseconds }] of entries) if (isBelow(entries, pid, root)) sum += milliseconds
  return sum
}

function isBelow(entries: Map<number, Entry>, pid: number, root: number): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = entries.get(at)?.parent)
    if (at === root) return true
  return false
}

function read(pid: string): Entry | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may hold anything, so count from its end: state is field 3, parent 4, times 14 to 17.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
    return { parent: Number(fields[1]), milliseconds: ticks * TICK_MS }
  } catch {
    return undefined
  }
}

/** Share of the machine's time that no process of ours got because its neighbours had it; undefined: not known. */
export function machineTime(): { all: number; busy: number; stolen: number } {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n')
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = fields
  const busy = user + nice + system + irq + soft
  return { all: busy + idle + wait + stolen, busy, stolen }
}
