/** What a newcomer sees in the terminal. */
import type { App } from './app.ts'

export async function printWelcome(app: App, initialAccessToken: string | undefined): Promise<void> {
  const { config } = app
  const setup = await app.setupUrl()
  const lines = [
    '',
    `  ${config.brandName} runs in evaluation mode (no ISSUER set): on this machine only, data in ${config.dataDir}.`,
    '',
    `  Start here      ${config.issuer}`,
    `  Sample web app  ${config.samples?.origin}/web`,
    `  Sample SPA      ${config.samples?.origin}/spa`,
    ...(config.mail.kind === 'mailbox' ? [`  Mailbox         ${config.issuer}/mailbox`] : []),
    `  Discovery       ${config.issuer}/.well-known/openid-configuration`,
    ...(setup ? [`  Administrator   ${setup}  (once)`] : []),
    ...(initialAccessToken
      ? [
          `  Register apps   POST ${config.issuer}/reg with the initial access token`,
          `                  ${initialAccessToken}`,
        ]
      : []),
    '',
    '  Try: open the web app, press "Sign in", register, take the code from the mailbox.',
    ...(config.database.kind === 'pglite'
      ? [
          '  The embedded database survives a crash of this process, not a power cut: for real use set DATABASE_URL.',
        ]
      : []),
    '  Stop with Ctrl+C; users, keys and sessions are there at the next start.',
    '',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
