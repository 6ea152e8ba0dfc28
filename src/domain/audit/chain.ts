/**
 * The chain over the audit records: each link holds the digest of its record and of everything before it, so that no
 * record can be changed, taken out, put in or moved without every later link showing it. Now and then the head is
 * signed; whoever rewrites the chain from some place on would need the key. Pure: the digest is handed in.
 */

/** A record as it stands, in the one form that is digested. */
export interface ChainedRecord {
  id: string
  content: string
}

export interface Link {
  /** 1, 2, 3 … without a gap */
  seq: number
  recordId: string
  /** of the record's content */
  digest: string
  /** of this link and the one before */
  hash: string
}

/** The signed head of the chain at some moment. */
export interface Checkpoint {
  seq: number
  hash: string
  signedAt: Date
  kid: string
  signature: string
}

/** SHA-256, base64url */
export type Digest = (text: string) => string

const START = 'ostiary audit chain 1'

export function linkOf(previous: Link | undefined, record: ChainedRecord, digest: Digest): Link {
  const seq = (previous?.seq ?? 0) + 1
  const own = digest(record.content)
  return { seq, recordId: record.id, digest: own, hash: hashOf(previous?.hash, seq, record.id, own, digest) }
}

function hashOf(
  previous: string | undefined,
  seq: number,
  recordId: string,
  own: string,
  digest: Digest,
): string {
  return digest([previous ?? START, seq, recordId, own].join('\n'))
}

/** What is signed. */
export function textOf({ seq, hash, signedAt }: Pick<Checkpoint, 'seq' | 'hash' | 'signedAt'>): string {
  return ['ostiary audit checkpoint 1', seq, hash, signedAt.toISOString()].join('\n')
}

/** What a check came upon. `seq` and `recordId` where they are known. */
export interface Finding {
  kind: 'changed' | 'missing' | 'broken' | 'forged' | 'left out' | 'bad signature' | 'cut off' | 'more'
  seq?: number
  recordId?: string
  sentence: string
}

const MOST_FINDINGS = 1000

/** The first thousand, and how many more: whoever emptied the table must not exhaust the process that looks. */
export class Findings {
  readonly #first: Finding[] = []
  #more = 0

  push(...found: readonly Finding[]): void {
    const room = MOST_FINDINGS - this.#first.length
    this.#first.push(...found.slice(0, room))
    this.#more += Math.max(0, found.length - room)
  }

  list(): Finding[] {
    if (this.#more === 0) return this.#first
    return [...this.#first, { kind: 'more', sentence: `${this.#more} more were found and are not listed` }]
  }
}

/** Walks the links in order; remembers only the one before. */
export class ChainCheck {
  readonly #digest: Digest
  #previous: Link | undefined

  /** @param after the link before the first one that is walked; undefined: from the beginning */
  constructor(digest: Digest, after?: Link) {
    this.#digest = digest
    this.#previous = after
  }

  /** The last link that was walked. */
  get head(): Link | undefined {
    return this.#previous
  }

  /**
   * @param record as it stands now; undefined: it is gone
   * @param pruned whether a signed statement says that it went by retention
   */
  walk(link: Link, record: ChainedRecord | undefined, pruned = false): Finding[] {
    const found: Finding[] = []
    const { seq, recordId } = link
    const expected = (this.#previous?.seq ?? 0) + 1
    const before = this.#previous?.hash
    this.#previous = link
    if (seq !== expected)
      found.push({
        ...{ kind: 'broken', seq, recordId },
        sentence: `links ${expected} to ${seq - 1} are missing from the chain`,
      })
    else if (link.hash !== hashOf(before, seq, recordId, link.digest, this.#digest))
      found.push({
        ...{ kind: 'broken', seq, recordId },
        sentence: `link ${seq} does not follow from the one before it`,
      })
    if (!record && pruned) return found
    if (!record)
      found.push({
        ...{ kind: 'missing', seq, recordId },
        sentence: `record ${recordId} was taken away`,
      })
    else if (this.#digest(record.content) !== link.digest)
      found.push({ kind: 'changed', seq, recordId, sentence: `record ${recordId} was changed` })
    return found
  }
}
