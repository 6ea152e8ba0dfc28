/** Requests whose sender goes away in the middle: nothing fails, and nobody who reads the log is called for. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { sendRaw } from '../support/raw-http.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\ngrant_type='

describe('a request that breaks off', () => {
  let app: RunningApp
  before(async () => {
    app = await startApp()
  })
  after(() => app?.close())

  /** Sends it, waits until it is looked at, and goes. */
  async function breakOff(text: string, leave: 'end' | 'resetAndDestroy'): Promise<void> {
    const { port, host } = new URL(app.issuer)
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(text.replace('\r\n', `\r\nHost: ${host}\r\n`))
    const seen = app.logs.length
    await sleep(60)
    socket[leave]()
    const logged = () => app.logs.slice(seen).some(({ msg }) => msg === 'request')
    for (const end = Date.now() + 5_000; !logged() && Date.now() < end; ) await sleep(10)
    expect(logged(), 'it is in the log').to.equal(true)
    socket.destroy()
  }

  for (const leave of ['end', 'resetAndDestroy'] as const)
    it(`is no error of ours (${leave})`, async () => {
      const from = app.logs.length
      await breakOff(`POST /token HTTP/1.1\r\n${FORM}`, leave)
      await breakOff(`POST /interaction/${'a'.repeat(30)}/sign-in HTTP/1.1\r\n${FORM}`, leave)
      const lines = app.logs.slice(from)
      expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([])
      expect(lines.filter(({ msg }) => msg === 'whoever asked went away')).to.not.be.empty
      expect((await sendRaw(app.issuer, { target: '/jwks' })).status).to.equal(200)
    })
})
