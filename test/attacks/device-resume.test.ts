/** A device sign-in taken up again by a browser that never began one is a refusal of ours, not a failure. */
import { expect } from 'chai'
import { startApp } from '../support/start-app.ts'

describe('a device sign-in that this browser did not begin', () => {
  it('is refused without a failure in the log', async () => {
    const running = await startApp({})
    try {
      const answer = await fetch(`${running.issuer}/device/aaaaaaaaaaaaaaaaaaaaa`, {
        headers: { accept: 'text/html' },
      })
      expect(answer.status).to.be.within(400, 499)
      expect(running.logs.filter(({ level }) => level === 'error')).to.deep.equal([])
    } finally {
      await running.close()
    }
  })
})
