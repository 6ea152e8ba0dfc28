/** Part of the composition root: the workers that do what was accepted, and what each kind of work needs. */

import { webhookWorker } from './app-webhooks.ts'
import type { Config } from './config/config.ts'
import type { Keyring } from './crypto/keyring.ts'
import type { Approvals } from './domain/approvals/approvals.ts'
import { codeOf, linkToken } from './domain/email/secrets.ts'
import type { Clock } from './domain/ports.ts'
import { paths } from './http/urls.ts'
import { approvalPings, PING_OPTIONS } from './jobs/approval-pings.ts'
import { logoutNotices, NOTICE_OPTIONS } from './jobs/logout-notices.ts'
import { MAIL_OPTIONS, mailWork } from './jobs/mail-work.ts'
import { OutboxWorker } from './jobs/outbox-worker.ts'
import { createSendMail } from './jobs/send-mail.ts'
import type { Logger } from './lib/log.ts'
import { createMailRenderer } from './mail/render.ts'
import type { MailTransport } from './mail/transport.ts'
import { sendLogoutNotice } from './oidc/backchannel.ts'
import { sendPing } from './oidc/ciba-ping.ts'
import type { Engine } from './oidc/engine.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/choose.ts'

export interface OutboxParts {
  config: Config
  storage: Storage
  keyring: Keyring
  clock: Clock
  log: Logger
  viewsDir: string
  mail: MailTransport
  approvals: Approvals
  engine: Engine
  outbound: Outbound
}

export type OutboxWorkers = ReturnType<typeof outboxWorkers>

/** Mail, and what applications are told: neither waits for the other. */
export function outboxWorkers(parts: OutboxParts) {
  const { config, storage, keyring, clock, log, viewsDir, mail, approvals, engine } = parts
  const { brandName, issuer } = config
  const absolute = (path: string) => issuer + path
  const mailRenderer = createMailRenderer({ viewsDir, brandName, issuer })
  const send = createSendMail({
    repositories: storage.database,
    approvals,
    clock,
    transport: mail,
    render: mailRenderer.render,
    codeOf: (proofId) => codeOf(keyring, proofId),
    links: {
      verifyEmail: (proofId) => absolute(paths.verifyEmail(linkToken(keyring, proofId))),
      resetPassword: (proofId) => absolute(paths.resetPassword(linkToken(keyring, proofId))),
      approve: (approvalId) => absolute(paths.approve(approvals.linkToken(approvalId))),
      forgot: () => absolute(paths.forgot()),
      home: () => absolute(paths.home),
    },
  })
  const { outbox } = storage.database
  return {
    mail: new OutboxWorker({ outbox, work: mailWork(send, () => mail.health()), logger: log }, MAIL_OPTIONS),
    notices: new OutboxWorker(
      { outbox, work: logoutNotices((notice) => sendLogoutNotice(engine.provider, notice)), logger: log },
      NOTICE_OPTIONS,
    ),
    pings: new OutboxWorker(
      { outbox, work: approvalPings((ping) => sendPing(engine.provider, approvals, ping)), logger: log },
      PING_OPTIONS,
    ),
    webhooks: webhookWorker({ storage, outbound: parts.outbound, clock, log }),
  }
}
