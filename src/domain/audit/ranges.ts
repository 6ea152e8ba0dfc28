/** Numbers of links as text (`1-4,7,9-12`) and as a set that costs what its gaps cost. */

/** @param numbers ascending, each once */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last && number === last[1] + 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

export class Ranges {
  readonly #ranges: [number, number][]

  constructor(texts: readonly string[]) {
    const all = texts
      .flatMap((text) => text.split(','))
      .map((range): [number, number] => {
        const [from, to = from] = range.split('-').map(Number)
        return [from as number, to as number]
      })
      .sort(([a], [b]) => a - b)
    this.#ranges = []
    for (const [from, to] of all) {
      const last = this.#ranges.at(-1)
      if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
      else this.#ranges.push([from, to])
    }
  }

  has(number: number): boolean {
    let [low, high] = [0, this.#ranges.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const [from, to] = this.#ranges[middle] as [number, number]
      if (number < from) high = middle - 1
      else if (number > to) low = middle + 1
      else return true
    }
    return false
  }
}
