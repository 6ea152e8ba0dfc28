/**
 * The audit record as a file, and the check of such a file without the deployment that wrote it. One JSON object a line:
 *
 *   {"export": {format, issuer, at, after, keys}}      once, first; `after`: the head that the first link follows
 *   {"pruning": {…}}                                   each signed statement of what went by retention, before its links
 *   {"link": {…}, "content": "…", "event": {…}}        each link in order; of one whose record went nothing but the link
 *   {"checkpoint": {…}}                                each signed head, behind the link it is of
 *   {"end": {links, head, waiting}}                    once, last: without it the file was cut off; `waiting`: records that
 *                                                      had no link yet, and so are not in it (1000 at most are counted)
 *
 * `content` is what the digest is of, to the letter. What identifies people is in it sealed; `event` shows it only where
 * that was asked for, because in a file nobody can erase it any more. All else in `event` is checked against `content`.
 */
import type { AuditRecord } from '../directory/directory.ts'
import type { Database } from '../ports.ts'
import {
  ChainCheck,
  type Checkpoint,
  type Digest,
  type Finding,
  Findings,
  type Link,
  textOf,
} from './chain.ts'
import type { Head } from './ledger.ts'
import { Ranges } from './ranges.ts'
import { type Pruning, textOfPruning } from './retention.ts'

const FORMAT = 'ostiary audit export 1'
const PAGE = 1000

type PublicKey = Record<string, unknown>

export interface ExportDeps {
  database: Pick<Database, 'auditChain' | 'trail'>
  issuer: string
  /** of all who signed a head */
  publicKeys(): Promise<readonly PublicKey[]>
  at: Date
}

export interface ExportOptions {
  /** the links behind this one; 0: all */
  after: number
  /** show what identifies people, too */
  personal: boolean
}

/** Lines, each with its end. What is written or taken away meanwhile is in it or not; the chain is whole up to the end. */
export async function* exportLines(
  { database, issuer, publicKeys, at }: ExportDeps,
  { after, personal }: ExportOptions,
): AsyncGenerator<string> {
  const { auditChain, trail } = database
  // Before the keys: a head that the first key signs meanwhile is left to the next file.
  const checkpoints = new Map((await auditChain.checkpoints()).map((point) => [point.seq, point]))
  const keys = await publicKeys()
  const [before] = after > 0 ? await auditChain.page(after - 1, 1) : []
  const known = before?.link.seq === after ? headOf(before.link) : null
  yield line({ export: { format: FORMAT, issuer, at: at.toISOString(), after: known, keys } })
  let statements = 0
  const newStatements = async () => {
    const prunings = await auditChain.prunings(statements)
    statements += prunings.length
    return prunings.map((pruning) => line({ pruning }))
  }
  yield* await newStatements()
  let links = 0
  let head: Head | null = known
  for (let page = await auditChain.page(after, PAGE); page.length > 0; ) {
    const ids = page.flatMap(({ record }) => record?.id ?? [])
    // The statement is there as soon as the records are not.
    if (ids.length < page.length) yield* await newStatements()
    const events = new Map((await trail.byIds(ids)).map((event) => [event.id, event]))
    for (const { link, record } of page) {
      const event = record && events.get(record.id)
      yield line({ link, content: record?.content, event: event && shown(event, personal) })
      const point = checkpoints.get(link.seq)
      if (point) yield line({ checkpoint: point })
      head = headOf(link)
    }
    links += page.length
    page = await auditChain.page(head?.seq ?? after, PAGE)
  }
  const waiting = (await auditChain.unlinked(PAGE, 'all')).length
  yield line({ end: { links, head, waiting } })
}

function shown({ ip, userAgent, personal, ...event }: AuditRecord, all: boolean): object {
  return all ? { ...event, ip, userAgent, personal } : event
}

function headOf({ seq, hash }: Head): Head {
  return { seq, hash }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

export interface FileCheckDeps {
  digest: Digest
  /** @param keys public keys of the file, or those that were kept elsewhere */
  verify(text: string, signed: { kid: string; signature: string }, keys: readonly PublicKey[]): boolean
}

export interface FileVerdict {
  issuer: string
  /** the number of the link that the file goes on from; 0: it begins with the first one */
  after: number
  links: number
  checkpoints: number
  pruned: number
  /** records that had no link yet when it was written: they are in no file before the next */
  waiting: number
  /** the last link that a signature covers; what comes behind it is held by the file alone */
  signedUpTo: number
  head: Head | undefined
  findings: Finding[]
}

/**
 * @param lines of the file
 * @param trusted public keys kept elsewhere; without them those that the file itself brings
 * @throws Error in a sentence when it is no such file
 */
export async function checkExport(
  lines: AsyncIterable<string>,
  { digest, verify }: FileCheckDeps,
  trusted?: readonly PublicKey[],
): Promise<FileVerdict> {
  const findings = new Findings()
  const statements: string[] = []
  let gone: Ranges | undefined
  let keys = trusted ?? []
  let check: ChainCheck | undefined
  let end: Said['end']
  const verdict = { issuer: '', after: 0, links: 0, checkpoints: 0, pruned: 0, waiting: 0, signedUpTo: 0 }
  for await (const text of lines) {
    const said = read(text)
    if (said.export) {
      if (said.export.format !== FORMAT) throw new Error(`this is not "${FORMAT}"`)
      // Begun anew in the middle, the chain would have to follow from nothing.
      if (check) throw new Error('the file holds more than one export: check each by itself')
      verdict.issuer = said.export.issuer
      verdict.after = said.export.after?.seq ?? 0
      keys = trusted ?? said.export.keys
      check = new ChainCheck(digest, said.export.after ? linkAt(said.export.after) : undefined)
    } else if (!check) throw new Error('the file does not begin as an export of audit records does')
    else if (said.pruning) {
      const pruning = { ...said.pruning, until: new Date(said.pruning.until) }
      if (verify(textOfPruning(pruning), pruning, keys)) statements.push(pruning.seqs)
      else findings.push(badSignature('a statement of what went by retention'))
      gone = undefined
    } else if (said.link) {
      const { link, content, event } = said
      const record = content === undefined ? undefined : { id: link.recordId, content }
      gone ??= new Ranges(statements)
      findings.push(...check.walk(link, record, gone.has(link.seq)))
      if (record && idIn(record.content) !== link.recordId) findings.push(mislabelled(link))
      if (event && !(content && saysSo(event, content))) findings.push(misread(link))
      verdict.links += 1
      if (!record && gone.has(link.seq)) verdict.pruned += 1
    } else if (said.checkpoint) {
      const point = { ...said.checkpoint, signedAt: new Date(said.checkpoint.signedAt) }
      verdict.checkpoints += 1
      if (point.hash === check.head?.hash && verify(textOf(point), point, keys))
        verdict.signedUpTo = point.seq
      else findings.push(badSignature(`the head at link ${point.seq}`, point.seq))
    } else if (said.end) end = said.end
  }
  verdict.waiting = end?.waiting ?? 0
  const head = check?.head && headOf(check.head)
  if (!end || end.links !== verdict.links || (end.head && end.head.hash !== head?.hash))
    findings.push({ kind: 'cut off', sentence: 'the end of the file is not the one it was written with' })
  return { ...verdict, head, findings: findings.list() }
}

interface Said {
  export?: { format: string; issuer: string; after: Head | null; keys: PublicKey[] }
  pruning?: Omit<Pruning, 'until'> & { until: string }
  link?: Link
  content?: string
  event?: Partial<AuditRecord>
  checkpoint?: Omit<Checkpoint, 'signedAt'> & { signedAt: string }
  end?: { links: number; head: Head | null; waiting: number }
}

function read(text: string): Said {
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch {
    said = undefined
  }
  if (typeof said !== 'object' || said === null)
    throw new Error('the file holds a line that is no JSON object')
  return said
}

function linkAt({ seq, hash }: Head): Link {
  return { seq, hash, recordId: '', digest: '' }
}

function idIn(content: string): string {
  return String(partsOf(content)[0])
}

/** Whether the event, which is for people to read, says what the content does, which was digested and signed. */
function saysSo(
  { id, name, outcome, userId, clientId, requestId, detail, at }: Partial<AuditRecord>,
  content: string,
) {
  const [recordId, moment, , said] = partsOf(content)
  const [, ...facts] = partsOf(String(said))
  const [, , , , , , , details] = facts
  const sorted = Object.entries(detail ?? {}).sort(([one], [other]) => (one < other ? -1 : 1))
  const told = [id, name, outcome, userId ?? null, clientId ?? null, requestId ?? null, sorted]
  const kept = [recordId, ...facts.slice(0, 5), details ?? []]
  // The content has microseconds.
  const apart = Math.abs(Date.parse(`${moment}Z`) - new Date(String(at)).getTime())
  return JSON.stringify(told) === JSON.stringify(kept) && apart <= 1
}

function partsOf(text: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(text)
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}

function badSignature(what: string, seq?: number): Finding {
  const sentence = `the signature over ${what} does not hold`
  return { kind: 'bad signature', ...(seq === undefined ? {} : { seq }), sentence }
}

function mislabelled({ seq, recordId }: Link): Finding {
  return { kind: 'changed', seq, recordId, sentence: `link ${seq} stands at another record than its own` }
}

function misread({ seq, recordId }: Link): Finding {
  return { kind: 'changed', seq, recordId, sentence: `the event at link ${seq} is not what its content says` }
}
