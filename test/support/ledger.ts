/**
 * The book of a fault run: what was sent, and what the product acknowledged, item by item. An item is one thing with a
 * fate: a code, a family of refresh tokens, a person, a session, a mail. Whoever finds the truth different from the
 * book calls `violated`; the failure then shows the whole history of that item.
 *
 *   I1 one effect per single-use thing      I3 an accepted mail is sent at least once, rarely twice
 *   I2 what was acknowledged survives       I4 revoked stays revoked
 *   I7 errors are 503 with a wait, or an answer that says what is wrong
 */

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I7'

export interface Violation {
  invariant: Invariant
  item: string
  what: string
}

const SHOWN = 10

export class Ledger {
  readonly violations: Violation[] = []
  /** how often each thing was acknowledged, by its kind */
  readonly acknowledged = new Map<string, number>()
  readonly #began = performance.now()
  readonly #items = new Map<string, string[]>()

  /** Writes a line into the history of an item. */
  note(item: string, line: string): void {
    const history = this.#items.get(item) ?? []
    history.push(`${this.#clock()} ${line}`)
    this.#items.set(item, history)
  }

  /** The same for something the product has promised by its answer. */
  acknowledge(kind: string, item: string, line = 'acknowledged'): void {
    this.acknowledged.set(kind, (this.acknowledged.get(kind) ?? 0) + 1)
    this.note(item, `${kind}: ${line}`)
  }

  /** A line everybody should see in their history: a kill, a failover. */
  event(line: string): void {
    this.note('events', line)
  }

  violated(invariant: Invariant, item: string, what: string): void {
    // The same again (an answer every tenth of a second) says nothing more.
    if (this.violations.some((other) => other.item === item && other.what === what)) return
    this.note(item, `VIOLATED ${invariant}: ${what}`)
    this.violations.push({ invariant, item, what })
  }

  /** Everything known of an item, with what was done to the product meanwhile. */
  history(item: string): string {
    const lines = [...(this.#items.get(item) ?? []), ...(this.#items.get('events') ?? [])]
    return lines.sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b)).join('\n    ')
  }

  /** @throws with each violation and the history of its item */
  assertClean(): void {
    if (this.violations.length === 0) return
    const shown = this.violations.slice(0, SHOWN).map(({ invariant, item, what }) => {
      return `${invariant} ${item}: ${what}\n    ${this.history(item)}`
    })
    throw new Error(`${this.violations.length} violations\n  ${shown.join('\n  ')}`)
  }

  #clock(): string {
    return `${((performance.now() - this.#began) / 1000).toFixed(3).padStart(8)} s`
  }
}
