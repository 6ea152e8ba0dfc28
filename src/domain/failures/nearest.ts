/** What somebody probably meant: the registered value that is most like the one sent, and how the two differ. */
import { LOOPBACK_HOSTS } from '../../lib/texts.ts'

/** longer texts are not compared letter by letter */
const COMPARED = 120
const CANDIDATES = 2_000

/** The most similar candidate, if it is similar at all (a third of the letters may differ). */
export function nearest(value: string, candidates: readonly string[]): string | undefined {
  let best: { text: string; distance: number } | undefined
  for (const text of candidates.slice(0, CANDIDATES)) {
    const distance = editDistance(
      value.toLowerCase().slice(0, COMPARED),
      text.toLowerCase().slice(0, COMPARED),
    )
    if (distance <= Math.max(1, Math.floor(value.length / 3)) && (!best || distance < best.distance))
      best = { text, distance }
  }
  return best?.text
}

/** The registered address with the fewest differing parts, whatever else differs. */
export function nearestUri(sent: string, registered: readonly string[]): string | undefined {
  const ranked = registered.map((uri) => ({
    uri,
    rank:
      differencesOf(sent, uri).length * 1000 + editDistance(sent.slice(0, COMPARED), uri.slice(0, COMPARED)),
  }))
  return ranked.sort((a, b) => a.rank - b.rank)[0]?.uri
}

/** Each difference of an address from the registered one, as "it …"; none: the same, letter by letter. */
export function differencesOf(sent: string, registered: string): string[] {
  if (sent === registered) return []
  if (sent.trim() === registered) return ['has white space around it']
  if (sent === `${registered}/`) return ['has a slash at the end']
  if (`${sent}/` === registered) return ['lacks the slash at the end']
  const [ours, theirs] = [URL.parse(sent), URL.parse(registered)]
  if (!ours) return ['is not an absolute address']
  if (!theirs) return ['differs']
  if (sent.toLowerCase() === registered.toLowerCase()) return ['differs in upper and lower case']
  const found: string[] = []
  if (ours.protocol !== theirs.protocol)
    found.push(`begins with ${ours.protocol}// instead of ${theirs.protocol}//`)
  if (ours.hostname !== theirs.hostname) found.push(hostDifference(ours.hostname, theirs.hostname))
  if (ours.port !== theirs.port) found.push(`has ${portOf(ours)} instead of ${portOf(theirs)}`)
  if (ours.pathname !== theirs.pathname) found.push(pathDifference(ours.pathname, theirs.pathname))
  if (ours.search !== theirs.search)
    found.push(theirs.search === '' ? 'has a query' : `does not have the query ${theirs.search}`)
  if (ours.hash !== theirs.hash) found.push('has a fragment')
  // Read as addresses they are the same; the standard compares letters.
  return found.length > 0 ? found : ['is written in another way (case, port or percent-encoding)']
}

function hostDifference(sent: string, registered: string): string {
  const isLocal = (host: string) => LOOPBACK_HOSTS.has(host)
  if (isLocal(sent) && isLocal(registered)) return `says ${sent} where ${registered} is registered: two names`
  return `names the host ${sent} instead of ${registered}`
}

function pathDifference(sent: string, registered: string): string {
  if (sent === `${registered}/`) return 'has a slash at the end of the path'
  if (`${sent}/` === registered) return 'lacks the slash at the end of the path'
  if (sent.toLowerCase() === registered.toLowerCase()) return 'differs in upper and lower case in the path'
  const folder = registered.endsWith('/') ? registered : `${registered}/`
  if (sent.startsWith(folder)) return `goes on with "${sent.slice(folder.length)}" after the registered path`
  return `has the path ${sent} instead of ${registered}`
}

function portOf(url: URL): string {
  return url.port === '' ? 'no port' : `port ${url.port}`
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one to the other (Damerau-Levenshtein). */
export function editDistance(from: string, to: string): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1]
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      next[j] = Math.min(
        (row[j - 1] ?? 0) + (same ? 0 : 1),
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = row
    row = next
  }
  return row[to.length] ?? 0
}
