/** The evaluation mailbox: every mail Ostiary sent, readable in the browser of the machine it runs on, nowhere else. */
import Router from '@koa/router'
import type { Context, Next } from 'koa'
import type { OutboxRepository } from '../domain/ports.ts'
import type { Browser } from './browser.ts'
import { readForm } from './form.ts'
import { isLoopback } from './loopback.ts'
import { MAIL_POLICY } from './middleware/security-headers.ts'
import type { Pages } from './pages.ts'
import { Problem } from './problem.ts'
import { stateOf } from './state.ts'
import { paths } from './urls.ts'

interface StoredMail {
  id: string
  recipient: string
  sender: string
  subject: string
  text: string
  html: string | undefined
  createdAt: Date
}

export interface MailboxDeps {
  pages: Pages
  browser: Browser
  outbox: OutboxRepository
  mails: {
    list(limit: number): Promise<StoredMail[]>
    find(id: string): Promise<StoredMail | undefined>
    clear(): Promise<void>
  }
}

const SHOWN = 100

export function mailbox(deps: MailboxDeps): Router {
  const router = new Router({ prefix: '/mailbox' })
  router.use(onLoopbackOnly)
  router.get('/', async (ctx) => {
    const [mails, counts] = await Promise.all([deps.mails.list(SHOWN), deps.outbox.counts('mail')])
    deps.pages.show(ctx, 'mailbox/list', {
      messages: mails.map((mail) => ({
        id: mail.id,
        to: mail.recipient,
        subject: mail.subject,
        at: mail.createdAt.toISOString(),
      })),
      deadLetters: counts.dead,
      clearAction: paths.mailboxClear,
      csrf: deps.browser.formToken(ctx, 'mailbox'),
    })
  })
  router.post('/clear', async (ctx) => {
    deps.browser.checkForm(ctx, await readForm(ctx), 'mailbox')
    await deps.mails.clear()
    ctx.status = 303
    ctx.redirect(paths.mailbox)
  })
  router.get('/:id', async (ctx) => {
    const mail = await find(deps, ctx)
    deps.pages.show(ctx, 'mailbox/message', {
      id: mail.id,
      to: mail.recipient,
      from: mail.sender,
      subject: mail.subject,
      at: mail.createdAt.toISOString(),
      text: mail.text,
      htmlUrl: paths.mailboxHtml(mail.id),
    })
  })
  router.get('/:id/html', async (ctx) => {
    const mail = await find(deps, ctx)
    ctx.set('Content-Security-Policy', MAIL_POLICY)
    stateOf(ctx).framedByUs = true
    ctx.type = 'html'
    // The pages behind its links refuse to be framed.
    ctx.body = (mail.html ?? '').replace('<head>', '<head>\n<base target="_blank">')
  })
  return router
}

async function find(deps: MailboxDeps, ctx: Context): Promise<StoredMail> {
  const mail = await deps.mails.find(String((ctx as unknown as { params: { id?: string } }).params.id))
  if (!mail) throw new Problem('not-found')
  return mail
}

function onLoopbackOnly(ctx: Context, next: Next) {
  if (!isLoopback(stateOf(ctx).facts.ip)) throw new Problem('not-found')
  return next()
}
