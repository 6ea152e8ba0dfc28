/**
 * A sign-in that was proven before everything of a person was ended counts for nothing afterwards, wherever it was still
 * on its way: no row of it may exist yet that could have been deleted. The engine keeps whole seconds of when a person
 * signed in (`auth_time`), so the line is drawn by them, and a new sign-in is dated after the line.
 */
import type { User } from '../users/user.ts'

type AccessFrom = Pick<User, 'accessFrom'>

/** When the proof just given counts from, in epoch seconds: now, or the second after everything was ended. */
export function proofTime({ accessFrom }: AccessFrom, now: Date): number {
  return Math.max(Math.floor(now.getTime() / 1000), (accessFrom ?? 0) + 1)
}

/** @param provenAt epoch seconds */
export function countsStill({ accessFrom }: AccessFrom, provenAt: number): boolean {
  return accessFrom === undefined || provenAt > accessFrom
}
