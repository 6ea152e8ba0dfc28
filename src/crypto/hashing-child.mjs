/**
 * One password hash after the other, in a process of its own and below everything that answers quickly. Knows no key:
 * what comes in was peppered by its parent (`argon2-children.ts`), and nothing is kept between two jobs.
 * Plain JavaScript, because stripping types would cost each of these processes 18 MB and 50 ms.
 */
import { setPriority } from 'node:os'
import { hashSync, verifySync } from '@node-rs/argon2'

const NICE = 10

try {
  // On Linux this is the nice value of one thread: this one, which does the hashing.
  setPriority(NICE)
} catch {
  // not allowed, or nicer already
}

// Ctrl+C and service managers signal the whole group. When we end is for the parent to say: it still answers people.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.on('disconnect', () => process.exit())

process.on('message', async (job) => {
  const answer = job.foreign === undefined ? answerTo(job) : await answerOfForeign(job)
  // A parent that ended meanwhile does not mind: `disconnect` is next.
  process.send(answer, () => {})
})

/** Loaded by the first one that comes: most deployments have none. Its threads are as nice as this one. */
async function answerOfForeign({ input, foreign }) {
  try {
    const { verifyForeign } = await import('./foreign-hash.ts')
    return { result: await verifyForeign(foreign, input) }
  } catch (error) {
    return { error: error.message }
  }
}

function answerTo({ input, phc, options }) {
  try {
    return { result: phc === undefined ? hashSync(input, options) : verifySync(phc, input) }
  } catch (error) {
    return { error: error.message }
  }
}
