/**
 * The port of one request's unit of work: what it reads is read once, and what it writes is written as a whole, before
 * its answer leaves, or not at all.
 */
import type { ArtifactModel } from './artifact-store.ts'

/** A condition of the unit did not hold (used, seen or ended before): nothing of it was written but what it claimed. */
export class UnitLost extends Error {
  override readonly name = 'UnitLost'
  /** whose condition it was */
  readonly model: ArtifactModel

  constructor(model: ArtifactModel) {
    super(`lost to another request: ${model}`)
    this.model = model
  }
}

export interface UnitOptions {
  /** Asked after the work: false drops what it wrote, because its answer is an error that never happened. */
  keep?(): boolean
  /** May change the unit (see `ArtifactStore.withdraw`) and answer true to have it committed once more. */
  onLost?(lost: UnitLost): Promise<boolean>
}

export interface UnitOfWork {
  /**
   * Runs the work as one unit; inside another it becomes part of that one.
   * @throws UnitLost, ParentGoneError, or what the database throws: nothing was written then (but see `UnitLost`)
   */
  run<T>(work: () => Promise<T>, options?: UnitOptions): Promise<T>
  /** Runs the effect once the unit is committed, at once outside one; never when the unit is dropped or lost. */
  afterCommit(effect: () => void): void
}
