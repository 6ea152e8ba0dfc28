/** Medians and spreads: what a row of figures comes to. */

export interface Spread {
  min: number
  median: number
  max: number
}

export function spread(values: readonly number[]): Spread {
  const all = [...values].sort((a, b) => a - b)
  const middle = all.length >> 1
  const median = all.length % 2 === 1 ? all[middle] : ((all[middle - 1] ?? 0) + (all[middle] ?? 0)) / 2
  return { min: all[0] ?? 0, median: median ?? 0, max: all.at(-1) ?? 0 }
}

export function median(values: readonly number[]): number {
  return spread(values).median
}

/** @param share 0.5 for the median, 0.99 for what one in a hundred waits longer than */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

export function show({ min, median, max }: Spread, digits = 2): string {
  return [min, median, max].map((value) => value.toFixed(digits)).join('/')
}
