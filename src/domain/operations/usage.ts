/**
 * How much was done, day by day (UTC), counted from the record of events. A day that is over is counted once and kept,
 * whether somebody asks or not, so that looking back costs nothing and outlives the records; today is counted each time.
 */
import type { AuditEventName } from '../audit/events.ts'

/** The longest range that is answered, in days. */
export const USAGE_DAYS_MOST = 92
/** Records are dated when their transaction begins; until then one of yesterday may still come. */
const SETTLED_MS = 3_600_000
/** So many up to the last, where no first day is named. */
export const USAGE_DAYS_USUAL = 30
const DAY_MS = 86_400_000

export const COUNTED = [
  'user.signed_in',
  'user.sign_in_failed',
  'user.sign_in_throttled',
  'user.registered',
  'user.created',
  'user.signed_out',
] as const satisfies AuditEventName[]

export type Counts = Record<(typeof COUNTED)[number], number>

export interface UsageRepository {
  /** Counted before, by day (`YYYY-MM-DD`). */
  kept(days: readonly string[]): Promise<Map<string, Counts>>
  /** Counts the records of these days, which need not be next to each other. */
  count(days: readonly string[]): Promise<Map<string, Counts>>
  /** Keeps what was counted; what is kept already stays. */
  keep(counts: ReadonlyMap<string, Counts>): Promise<void>
  /** Sessions that are open now. */
  openSessions(): Promise<number>
}

/** Which days are meant, and what is wrong with the first of them. */
export function usageRange(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  now: Date,
): { from: string; to: string; fault: string | undefined } {
  const last = to ?? dayOf(now)
  const first = from ?? dayOf(new Date(beginOf(last) - (USAGE_DAYS_USUAL - 1) * DAY_MS))
  const fault =
    first > last
      ? 'must not be after the last day'
      : beginOf(last) - beginOf(first) >= USAGE_DAYS_MOST * DAY_MS
        ? `must be at most ${USAGE_DAYS_MOST} days before the last`
        : undefined
  return { from: first, to: last, fault }
}

/**
 * @param from first day, `YYYY-MM-DD`
 * @param to last day; at most `USAGE_DAYS_MOST` days in all
 */
export async function usage(
  repository: UsageRepository,
  from: string,
  to: string,
  now: Date,
): Promise<(Counts & { day: string })[]> {
  const days = daysBetween(from, to)
  const kept = await repository.kept(days)
  const missing = days.filter((day) => !kept.has(day) && beginOf(day) <= now.getTime())
  const counted = missing.length === 0 ? new Map<string, Counts>() : await repository.count(missing)
  const over = [...counted].filter(([day]) => isOver(day, now))
  if (over.length > 0) await repository.keep(new Map(over))
  return days.map((day) => ({ day, ...(kept.get(day) ?? counted.get(day) ?? NOTHING) }))
}

/** Counts and keeps each day that is over and was not asked about, as far back as is answered: before its records go. */
export async function keepUsage(repository: UsageRepository, now: Date): Promise<void> {
  const daysAgo = (count: number) => dayOf(new Date(now.getTime() - count * DAY_MS))
  const days = daysBetween(daysAgo(USAGE_DAYS_MOST), daysAgo(1))
  const kept = await repository.kept(days)
  // One at a time: a statement has so long to answer.
  for (const day of days)
    if (!kept.has(day) && isOver(day, now)) await repository.keep(await repository.count([day]))
}

/** In order; none when `to` is before `from`. */
function daysBetween(from: string, to: string): string[] {
  const days: string[] = []
  for (let at = beginOf(from); at <= beginOf(to); at += DAY_MS) days.push(dayOf(new Date(at)))
  return days
}

export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10)
}

function isOver(day: string, now: Date): boolean {
  return beginOf(day) + DAY_MS + SETTLED_MS <= now.getTime()
}

function beginOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`)
}

export const NOTHING = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts
