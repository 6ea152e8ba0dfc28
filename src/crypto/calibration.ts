/**
 * Finds argon2id parameters that take a wanted time on this machine. Memory first, because that is what an attacker's
 * hardware lacks (RFC 9106, 4); passes only once there is no more memory to give. Never below the floor.
 */
import { ARGON2_FLOOR } from './password-hasher.ts'
import type { Argon2Parameters } from './phc.ts'

export interface Calibration {
  /** milliseconds of one hash */
  measure(parameters: Argon2Parameters): Promise<number>
  targetMs: number
  /** KiB that one hash may take */
  mostMemory: number
}

export interface Calibrated extends Argon2Parameters {
  milliseconds: number
}

/** Memory is rounded down to whole MiB: the last digits of a measurement mean nothing. */
const STEP = 1024
/** Time grows with memory nearly in proportion, but not quite (caches): each try goes on from the two before it. */
const TRIES = 4
/** Aimed at a little less than the target, and near enough when not much below it. */
const AIM = 0.97
const NEAR = 0.9
const MOST_PASSES = 100

/** The strongest parameters found whose hash takes no longer than the target; the floor when even that takes longer. */
export async function calibrate({ measure, targetMs, mostMemory }: Calibration): Promise<Calibrated> {
  const measured = async (parameters: Argon2Parameters): Promise<Calibrated> => ({
    ...parameters,
    milliseconds: await measure(parameters),
  })
  const most = Math.max(ARGON2_FLOOR.memory, mostMemory - (mostMemory % STEP))
  let best = await measured(ARGON2_FLOOR)
  let [before, last] = [{ memory: 0, milliseconds: 0 }, best]
  for (let tries = 0; tries < TRIES && best.milliseconds < targetMs * NEAR; tries += 1) {
    const slope = (last.memory - before.memory) / (last.milliseconds - before.milliseconds)
    const wanted = last.memory + (targetMs * AIM - last.milliseconds) * slope
    const memory = Math.min(most, Math.max(ARGON2_FLOOR.memory, wanted - (wanted % STEP)))
    if (!(slope > 0) || memory === last.memory) break
    before = last
    last = await measured({ ...ARGON2_FLOOR, memory })
    if (last.milliseconds <= targetMs && last.memory > best.memory) best = last
  }
  if (best.memory < most) return best
  const passes = Math.min(MOST_PASSES, Math.floor((best.passes * targetMs) / best.milliseconds))
  for (let fewer = passes; fewer > best.passes; fewer -= 1) {
    const more = await measured({ ...best, passes: fewer })
    if (more.milliseconds <= targetMs) return more
  }
  return best
}
