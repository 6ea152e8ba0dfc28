/** What was applied last, by kind and id; kept beside what it describes. */
import type { JsonObject } from '../authorization/json.ts'
import type { Ref, State } from './plan.ts'

export interface AppliedState {
  /** In a transaction: nobody else applies anything before its end. */
  lock(): Promise<void>
  list(): Promise<State>
  /** Inserts or replaces. */
  keep(ref: Ref, value: JsonObject): Promise<void>
  forget(ref: Ref): Promise<void>
}
