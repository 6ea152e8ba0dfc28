/** How ids and secrets look at rest. Implemented in `crypto/`; a stolen database without the key opens nothing. */
export interface AtRest {
  /** Keyed hash (32 bytes) of an opaque id, separated by kind so that a token of one kind is none of another. */
  hashId(kind: string, id: string): Buffer
  /** Authenticated encryption; `place` (table, column, row) is bound to it, so sealed values cannot be swapped. */
  seal(place: string, plaintext: string): Buffer
  /** Throws when the value was changed, moved, or sealed under a key this process does not have. */
  open(place: string, sealed: Buffer): string
}
