/** Creations that may be repeated: the first one does the work, the others get its answer. */
export type Claim =
  | { state: 'won' }
  /** somebody else does it at this moment */
  | { state: 'in flight' }
  | { state: 'done'; answer: string }
  /** the key was used for something else */
  | { state: 'other content' }

export interface IdempotencyStore {
  /** Compare-and-set: of any number of callers one wins. `key` names caller, operation and their own key. */
  claim(key: string, content: string): Promise<Claim>
  /** For 24 hours; no longer than the person whom the answer names (by id), where it names one. */
  keep(key: string, answer: string, person?: string): Promise<void>
  /** Nothing came of it: the next one may try. */
  release(key: string): Promise<void>
}
