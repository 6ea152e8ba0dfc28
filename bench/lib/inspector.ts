/** A CPU profile of a running server over the inspector's protocol, from when the load is warm to when it ends. */

/** As the protocol has it, no more than is read here. */
export interface CpuProfile {
  nodes: ProfileNode[]
  samples: number[]
  /** microseconds since the sample before */
  timeDeltas: number[]
}

export interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number }
  children?: number[]
}

const INTERVAL_US = 500

/** @param port where the process was told to `--inspect` */
export async function profiled(port: number, load: () => Promise<void>): Promise<CpuProfile> {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as [
    { webSocketDebuggerUrl: string },
  ]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  const failed = new Promise<never>((_, reject) => {
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')))
  })
  await Promise.race([failed, new Promise((resolve) => socket.addEventListener('open', resolve))])
  let next = 0
  const ask = async (method: string, params = {}) => {
    next += 1
    const id = next
    const answered = new Promise<{ result: unknown }>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(String(data)) as { id?: number; result: unknown }
        if (message.id === id) resolve(message)
      })
    })
    socket.send(JSON.stringify({ id, method, params }))
    return (await Promise.race([failed, answered])).result
  }
  try {
    await ask('Profiler.enable')
    await ask('Profiler.setSamplingInterval', { interval: INTERVAL_US })
    await ask('Profiler.start')
    await load()
    return ((await ask('Profiler.stop')) as { profile: CpuProfile }).profile
  } finally {
    socket.close()
  }
}
