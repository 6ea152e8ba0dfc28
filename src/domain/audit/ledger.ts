/**
 * Keeping the audit records tamper-evident, and checking that nobody tampered. Linking runs a moment after the records
 * are written, in one process at a time, so that no request waits for the one before it.
 */
import type { AuditKeyRepository, Database, MarkedRecord, Repositories } from '../ports.ts'
import {
  ChainCheck,
  type Checkpoint,
  type Digest,
  type Finding,
  Findings,
  type Link,
  linkOf,
  textOf,
} from './chain.ts'
import { Ranges } from './ranges.ts'
import { textOfPruning } from './retention.ts'

/** Signs heads of the chain, and knows the keys that did. */
export interface CheckpointKeys {
  sign(text: string, stored: AuditKeyRepository): Promise<Signature>
  verify(text: string, signature: Signature, stored: AuditKeyRepository): Promise<boolean>
}

export type Signature = Pick<Checkpoint, 'kid' | 'signature'>

export interface LedgerDeps {
  database: Pick<Database, 'transaction' | 'auditChain' | 'auditKeys'>
  digest: Digest
  keys: CheckpointKeys
  /** told of each signed head: whoever keeps it elsewhere can tell that the end was cut off */
  onCheckpoint?: (checkpoint: Checkpoint) => void
}

export interface Verdict {
  /** links walked */
  links: number
  /** signatures that were checked */
  checkpoints: number
  /** records that retention took away, by a statement that holds */
  pruned: number
  /** records that wait for their link, which is made within seconds while Ostiary runs */
  waiting: number
  /** what to keep elsewhere, and to hand in at the next check */
  head: Head | undefined
  findings: Finding[]
}

export interface Head {
  seq: number
  hash: string
}

type Chain = Pick<Repositories, 'auditChain' | 'auditKeys'>

const BATCH = 500
const PAGE = 1000
/** seconds between two signatures, while records come */
const SIGN_EVERY = 60
/** seconds after which a record without a link is no accident */
const LINKED_WITHIN = 300

export class AuditLedger {
  readonly #deps: LedgerDeps

  constructor(deps: LedgerDeps) {
    this.#deps = deps
  }

  /**
   * Links what was written since, and signs the head when it is time; returns how many links were made.
   * @throws Error where the chain is not as it was made, and so is not signed any more
   */
  async link(): Promise<number> {
    let total = 0
    let sound = true
    for (let made = BATCH; made === BATCH; total += made) {
      const batch = await this.#linkBatch()
      made = batch.made
      sound &&= batch.sound
    }
    if (!sound)
      throw new Error('the audit chain was tampered with and is not signed: see ostiary audit verify')
    return total
  }

  async #linkBatch(): Promise<{ made: number; sound: boolean }> {
    const { database, digest, keys, onCheckpoint } = this.#deps
    let signed: Checkpoint | undefined
    let sound = true
    const made = await database.transaction(async ({ auditChain, auditKeys }) => {
      if (!(await auditChain.lock())) return 0
      let head = await auditChain.head()
      let older = !(await auditChain.isMarked())
      const links: Link[] = []
      for (const record of await auditChain.unlinked(BATCH, 'recent')) {
        // One that nobody could have made is left standing, for the check to find.
        if (isForged(record.mark, older)) continue
        older &&= record.mark === 'none'
        head = linkOf(head, record, digest)
        links.push(head)
      }
      await auditChain.append(links)
      const signedAt = await auditChain.timeToSign(SIGN_EVERY)
      if (head && signedAt) sound = await this.#isSound({ auditChain, auditKeys })
      if (head && signedAt && sound) {
        const point = { seq: head.seq, hash: head.hash, signedAt }
        signed = { ...point, ...(await keys.sign(textOf(point), auditKeys)) }
        await auditChain.addCheckpoint(signed)
      }
      return links.length
    })
    if (signed) onCheckpoint?.(signed)
    return { made, sound }
  }

  /**
   * Whether everything that no signature covers yet is ours. Links are made without a secret, and a signature would
   * speak for one that somebody put in.
   */
  async #isSound({ auditChain, auditKeys }: Chain): Promise<boolean> {
    const last = await auditChain.lastCheckpoint()
    const [signed] = last ? await auditChain.page(last.seq - 1, 1) : []
    if (last && !(signed && (await this.#holds(last, signed.link, auditKeys)))) return false
    const check = new ChainCheck(this.#deps.digest, signed?.link)
    let older = signed === undefined || signed.record?.mark === 'none'
    for (let page = await auditChain.page(last?.seq ?? 0, PAGE); page.length > 0; ) {
      for (const { link, record } of page) {
        if (check.walk(link, record).length > 0 || !record || isForged(record.mark, older)) return false
        older &&= record.mark === 'none'
      }
      page = await auditChain.page(check.head?.seq ?? 0, PAGE)
    }
    return true
  }

  /**
   * Walks everything.
   * @param known a head from an earlier check, kept elsewhere
   * @param progress told how many of how many links are walked
   */
  async verify(known?: Head, progress: (walked: number, of: number) => void = () => {}): Promise<Verdict> {
    const { auditChain, auditKeys } = this.#deps.database
    const checkpoints = await auditChain.checkpoints()
    const signed = new Map(checkpoints.map((point) => [point.seq, point]))
    const lastSigned = checkpoints.at(-1)?.seq ?? 0
    const of = (await auditChain.head())?.seq ?? 0
    const check = new ChainCheck(this.#deps.digest)
    const findings = new Findings()
    let links = 0
    let pruned = 0
    let older = true
    const readGone = this.#statements(findings)
    let gone = await readGone()
    for (let page = await auditChain.page(0, PAGE); page.length > 0; ) {
      // Retention may take more while we walk; its statement is there as soon as they are not.
      if (page.some(({ link, record }) => !record && !gone.has(link.seq))) gone = await readGone()
      for (const { link, record } of page) {
        findings.push(...check.walk(link, record, gone.has(link.seq)))
        if (!record && gone.has(link.seq)) pruned += 1
        if (record && record.mark !== 'none') older = false
        // What no signature covers yet is held by its mark alone.
        if (link.seq > lastSigned && record && isForged(record.mark, older))
          findings.push(forged(record.id, link.seq))
        const point = signed.get(link.seq)
        if (point && !(await this.#holds(point, link, auditKeys))) findings.push(badSignature(link.seq))
        signed.delete(link.seq)
        if (link.seq === known?.seq && link.hash !== known.hash) findings.push(rewritten(link.seq))
      }
      links += page.length
      progress(links, of)
      page = await auditChain.page(page.at(-1)?.link.seq ?? of, PAGE)
    }
    for (const seq of signed.keys()) findings.push(cutOff(seq, 'was signed'))
    if (known && known.seq > (check.head?.seq ?? 0))
      findings.push(cutOff(known.seq, 'was there at the check before'))
    const { waiting, suspects } = await this.#unlinked(links > 0, older)
    findings.push(...suspects, ...(await auditChain.copies(PAGE)).map(copied))
    const head = check.head && { seq: check.head.seq, hash: check.head.hash }
    return { links, checkpoints: checkpoints.length, pruned, waiting, head, findings: findings.list() }
  }

  /** Links whose records went by statements of ours; each call takes in those that came since the one before. */
  #statements(findings: Findings): () => Promise<Ranges> {
    const { auditChain, auditKeys } = this.#deps.database
    const good: string[] = []
    let read = 0
    return async () => {
      for (const pruning of await auditChain.prunings(read)) {
        read += 1
        if (await this.#deps.keys.verify(textOfPruning(pruning), pruning, auditKeys)) good.push(pruning.seqs)
        else findings.push(falseStatement(pruning.seqs))
      }
      return new Ranges(good)
    }
  }

  async #holds(point: Checkpoint, { hash }: Link, stored: AuditKeyRepository): Promise<boolean> {
    return point.hash === hash && (await this.#deps.keys.verify(textOf(point), point, stored))
  }

  async #unlinked(begun: boolean, older: boolean): Promise<{ waiting: number; suspects: Finding[] }> {
    const suspects: Finding[] = []
    const records = await this.#deps.database.auditChain.unlinked(PAGE, 'all')
    let noneYet = older
    for (const { id, mark, age } of records) {
      if (isForged(mark, noneYet)) suspects.push(forged(id))
      else if (age > LINKED_WITHIN && begun) suspects.push(leftOut(id, age))
      noneYet &&= mark === 'none'
    }
    return { waiting: records.length - suspects.length, suspects }
  }
}

/** @param older whether nothing with a mark came before it */
function isForged(mark: MarkedRecord['mark'], older: boolean): boolean {
  return mark === 'bad' || (mark === 'none' && !older)
}

function forged(recordId: string, seq?: number): Finding {
  const sentence = `record ${recordId} was not made by Ostiary, or was changed`
  return { kind: 'forged', recordId, ...(seq === undefined ? {} : { seq }), sentence }
}

function copied(recordId: string): Finding {
  return { kind: 'forged', recordId, sentence: `record ${recordId} is a copy of another one` }
}

function leftOut(recordId: string, age: number): Finding {
  const sentence = `record ${recordId} is in no link, though it is ${Math.round(age / 60)} minutes old`
  return { kind: 'left out', recordId, sentence }
}

function badSignature(seq: number): Finding {
  return {
    kind: 'bad signature',
    seq,
    sentence: `the signature over the chain up to link ${seq} does not hold`,
  }
}

function falseStatement(seqs: string): Finding {
  const sentence = `the statement that the records of links ${seqs.slice(0, 80)} went by retention is not ours`
  return { kind: 'bad signature', sentence }
}

function rewritten(seq: number): Finding {
  const sentence = `link ${seq} is another one than at the check before: the chain was rewritten`
  return { kind: 'broken', seq, sentence }
}

function cutOff(seq: number, what: string): Finding {
  return { kind: 'cut off', seq, sentence: `link ${seq} ${what} and is gone: the end was cut off` }
}
