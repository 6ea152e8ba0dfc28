/** Evaluation mode shows secrets to who sits at the machine: to nobody else, even when HOST opened the port. */
import { expect } from 'chai'
import { startApp } from '../support/start-app.ts'

describe('the start page of evaluation mode', () => {
  it("shows the administrator's link on this machine only, as the mailbox", async () => {
    const running = await startApp({ settings: { TRUSTED_PROXIES: '127.0.0.1,::1' } })
    try {
      const from = (ip: string) =>
        fetch(`${running.issuer}/`, { headers: { accept: 'text/html', 'x-forwarded-for': ip } }).then(
          (answer) => answer.text(),
        )
      expect(await from('127.0.0.1')).to.match(/\/setup\/[\w-]{32}/)
      expect(await from('203.0.113.9')).to.not.match(/\/setup\/[\w-]{32}/)
    } finally {
      await running.close()
    }
  })
})
