/** What Linux' /proc says of processes: what an operation costs and what a server holds, whoever else is busy. */
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

/** Milliseconds of processor used so far by each process and everything below it, in their order. */
export function cpuOf(roots: readonly number[]): number[] {
  const entries = new Map<number, Entry>()
  for (const name of readdirSync('/proc')) {
    const entry = /^\d+$/.test(name) ? entryOf(name) : undefined
    if (entry) entries.set(Number(name), entry)
  }
  return roots.map((root) => {
    let sum = 0
    for (const [pid, { milliseconds }] of entries) if (isBelow(entries, pid, root)) sum += milliseconds
    return sum
  })
}

/**
 * MiB that a server holds: the resident set of its own process, and of its children what they share with nobody
 * (the program itself is in memory once).
 */
export function memoryOf(root: number): number {
  const children = readText(`/proc/${root}/task/${root}/children`).trim().split(/\s+/).filter(Boolean)
  const resident = kibibytes(readText(`/proc/${root}/status`), 'VmRSS')
  const own = children.map((pid) => {
    const rollup = readText(`/proc/${pid}/smaps_rollup`)
    return kibibytes(rollup, 'Private_Clean') + kibibytes(rollup, 'Private_Dirty')
  })
  return own.reduce((sum, size) => sum + size, resident) / 1024
}

/** The machine's time so far in ticks; `stolen` went to its neighbours. */
export function machineTime(): { all: number; busy: number } {
  const [line = ''] = readText('/proc/stat').split('\n')
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = fields
  const busy = user + nice + system + irq + soft + stolen
  return { all: busy + idle + wait, busy }
}

export function ticksToMs(ticks: number): number {
  return ticks * TICK_MS
}

function isBelow(entries: Map<number, Entry>, pid: number, root: number): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = entries.get(at)?.parent)
    if (at === root) return true
  return false
}

function entryOf(pid: string): Entry | undefined {
  const text = readText(`/proc/${pid}/stat`)
  if (text === '') return undefined
  // The name in brackets may hold anything, so count from its end: state is field 3, parent 4, times 14 to 17.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
  return { parent: Number(fields[1]), milliseconds: ticksToMs(ticks) }
}

function kibibytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
}

/** Empty for a process that has ended meanwhile. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
