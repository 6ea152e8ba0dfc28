/** Whether one store answers, and how fast: for readiness, so it never waits long and tells no addresses. */

export interface Health {
  state: 'up' | 'down'
  latencyMs: number
  /** a code or the kind of error, never its text */
  detail?: string
}

const PATIENCE_MS = 2_000

/** Asks once; whoever does not answer in time is down. */
export async function healthOf(ask: () => Promise<unknown>, patienceMs = PATIENCE_MS): Promise<Health> {
  const start = performance.now()
  const elapsed = () => Math.round(performance.now() - start)
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'no_answer' })), patienceMs)
  })
  try {
    await Promise.race([ask(), tooLate])
    return { state: 'up', latencyMs: elapsed() }
  } catch (error) {
    const { code, name } = error as { code?: string; name: string }
    return { state: 'down', latencyMs: elapsed(), detail: code ?? name }
  } finally {
    clearTimeout(timer)
  }
}
