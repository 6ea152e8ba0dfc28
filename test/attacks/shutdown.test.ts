/** A stop comes to an end although something was written down at the last moment. */
import { expect } from 'chai'
import { sendJson } from '../support/protocol.ts'
import { startApp } from '../support/start-app.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'

describe('a stop right after a request (postgres+redis)', () => {
  it('waits for the audit record of it, and then ends', async () => {
    const running = await startApp({ stack: 'postgres+redis', settings: { INITIAL_ACCESS_TOKEN: TOKEN } })
    await sendJson(
      'POST',
      `${running.issuer}/reg`,
      { redirect_uris: ['https://app.example.org/cb'] },
      { bearer: TOKEN },
    )
    const ended = await Promise.race([
      running.close().then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 10_000, false)),
    ])
    expect(ended).to.equal(true)
  })
})
