/** One question to a deployment: what is asked, by which section, and what to do where the answer is wrong. */
import { Skipped, type Target } from './target.ts'

export interface Probe {
  name: string
  /** standard and section */
  section: string
  /** a sentence about the provider */
  title: string
  /** what the operator changes when it fails */
  remedy: string
  /** asked only in the name of a registered client, or of one whose secret is known */
  needs?: 'client' | 'secret'
  /** @throws NotMet when the answer is wrong, Skipped when there is nothing to ask */
  run(target: Target): Promise<void>
}

export interface Result {
  name: string
  section: string
  title: string
  state: 'pass' | 'fail' | 'skip'
  /** what was seen, or why nothing was asked */
  detail?: string
  /** where it failed */
  remedy?: string
}

export class NotMet extends Error {}

/** @param detail what was seen; says no secret */
export function must(holds: boolean, detail: string): asserts holds {
  if (!holds) throw new NotMet(detail)
}

/** Asks one after the other: a deployment is looked at, not loaded. */
export async function runProbes(probes: readonly Probe[], target: Target): Promise<Result[]> {
  const results: Result[] = []
  for (const probe of probes) results.push(await runProbe(probe, target))
  return results
}

async function runProbe(probe: Probe, target: Target): Promise<Result> {
  const { name, section, title, remedy } = probe
  try {
    assertClient(probe, target)
    await probe.run(target)
    return { name, section, title, state: 'pass' }
  } catch (error) {
    if (error instanceof Skipped) return { name, section, title, state: 'skip', detail: error.message }
    const detail = error instanceof NotMet ? error.message : `no answer: ${reasonOf(error)}`
    return { name, section, title, state: 'fail', detail: printable(detail), remedy }
  }
}

function assertClient({ needs }: Probe, { client }: Target): void {
  if (needs !== undefined && client === undefined) throw new Skipped('needs --client-id and --redirect-uri')
  if (needs === 'secret' && client?.secret === undefined) throw new Skipped('needs the client’s secret')
}

/** What a server sent is shown on a terminal: no control characters, and no more than a line or two. */
function printable(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}]/gu, ' ')
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message} (${cause.message})` : message
}
