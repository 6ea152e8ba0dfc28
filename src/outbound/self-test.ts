/** Whether the guard holds, tried before anything may go out: a provider without it must not start. */
import { OutboundError } from './error.ts'
import type { Outbound } from './outbound.ts'

/** One of each way to spell "inside"; port 1, where nothing should ever listen. */
const INSIDE = [
  'https://127.0.0.1:1/',
  'https://[::1]:1/',
  'https://[::ffff:169.254.169.254]:1/',
  'https://169.254.169.254:1/',
  'https://10.0.0.1:1/',
]

/**
 * Refusals come before a socket is made, so nothing leaves this process.
 * @throws when any of these would have been tried
 */
export async function checkGuard(outbound: Pick<Outbound, 'fetch'>, allow: readonly string[]): Promise<void> {
  for (const address of INSIDE.filter((each) => !allow.includes(new URL(each).origin))) {
    const outcome = await outbound.fetch(address, { timeoutMs: 1000 }).catch((error: unknown) => error)
    const refused = outcome instanceof OutboundError && outcome.failure === 'refused'
    if (!refused) throw new Error(`the guard of outgoing requests does not hold: ${address} was not refused`)
  }
}
