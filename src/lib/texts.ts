/** Small questions about foreign text that several places ask. */

/** The texts of a list; of anything else, none. */
export function stringsOf(value: unknown, otherwise: string[] = []): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : otherwise
}

/** No control characters, and none that turn the direction of writing round: it reads as it is stored. */
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text)
}

/** Names of one's own machine, as `URL.hostname` writes them. */
export const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
