/** Statements that are put together of parts: each combination is made once and prepared once per connection. */

interface Shape {
  name: string
  text: string
}

/** What comes after so many is sent unprepared, so that no connection holds them without end. */
const MAX_SHAPES = 500

// Of the process, as prepared statements are of a connection: two users of one connection must not share a name.
const shapes = new Map<string, Shape>()

/** @param kind and `parts` together name the combination */
export function shaped(kind: string, parts: readonly string[], text: () => string): Shape {
  const key = `${kind} ${parts.join()}`
  const known = shapes.get(key)
  if (known) return known
  const full = shapes.size >= MAX_SHAPES
  const shape = { name: full ? '' : `${kind}.${shapes.size}`, text: text() }
  if (!full) shapes.set(key, shape)
  return shape
}
