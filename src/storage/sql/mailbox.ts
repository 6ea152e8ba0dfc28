/** The evaluation mailbox: mails kept in a table and read in the browser. Not for production mail. */
import type { Knex } from 'knex'
import { cleaned, orNull, orUndefined } from './rows.ts'

export interface NewMailboxMessage {
  recipient: string
  sender: string
  subject: string
  text: string
  html: string | undefined
}

export interface MailboxMessage extends NewMailboxMessage {
  id: string
  createdAt: Date
}

export interface Mailbox {
  add(message: NewMailboxMessage): Promise<MailboxMessage>
  /** Newest first. */
  list(limit: number): Promise<MailboxMessage[]>
  find(id: string): Promise<MailboxMessage | undefined>
  clear(): Promise<void>
}

interface Row {
  id: string
  recipient: string
  sender: string
  subject: string
  body_text: string
  body_html: string | null
  created_at: Date
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MAX_BODY = 1_000_000

export class SqlMailbox implements Mailbox {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async add(message: NewMailboxMessage): Promise<MailboxMessage> {
    const [row] = await this.#knex<Row>('mailbox_messages')
      .insert({
        recipient: cleaned(message.recipient),
        sender: cleaned(message.sender),
        subject: cleaned(message.subject),
        body_text: cleaned(message.text, MAX_BODY),
        body_html: orNull(message.html === undefined ? undefined : cleaned(message.html, MAX_BODY)),
      })
      .returning('*')
    return messageOf(row as Row)
  }

  async list(limit: number): Promise<MailboxMessage[]> {
    const rows = await this.#knex<Row>('mailbox_messages').orderBy('serial', 'desc').limit(limit)
    return rows.map(messageOf)
  }

  async find(id: string): Promise<MailboxMessage | undefined> {
    if (!UUID.test(id)) return undefined
    const row = await this.#knex<Row>('mailbox_messages').where({ id }).first()
    return row && messageOf(row)
  }

  async clear(): Promise<void> {
    await this.#knex('mailbox_messages').delete()
  }
}

function messageOf(row: Row): MailboxMessage {
  return {
    id: row.id,
    recipient: row.recipient,
    sender: row.sender,
    subject: row.subject,
    text: row.body_text,
    html: orUndefined(row.body_html),
    createdAt: row.created_at,
  }
}
