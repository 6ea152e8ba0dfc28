import { expect } from 'chai'
import { createLogger } from '../../src/telemetry/logger.ts'

describe('the log', () => {
  const lines: Record<string, unknown>[] = []
  const log = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) })
  const last = () => lines.at(-1) ?? {}

  it('shows no value under a sensitive name, at the top or one level down, nor in what every line repeats', () => {
    const fields = {
      token: 'hunter2',
      code: 'hunter2',
      query: { password: 'hunter2', id_token: 'hunter2', scope: 'openid' },
    }
    log.info(fields, 'seen')
    expect(last()).to.deep.include({
      token: '[secret]',
      code: '[secret]',
      query: { password: '[secret]', id_token: '[secret]', scope: 'openid' },
    })
    log.info({ authorization: 'hunter2', part: 'mail' }, 'seen')
    expect(last()).to.include({ authorization: '[secret]', part: 'mail' })
    expect(JSON.stringify(lines)).to.not.include('hunter2')
    expect(fields.query.password, 'what was given stays as it was').to.equal('hunter2')
  })

  it('shows the code of an error, and its stack', () => {
    const err = Object.assign(new Error('away'), { code: 'ECONNREFUSED', token: 'hunter2' })
    log.error({ err }, 'failed')
    expect(last().err).to.include({ type: 'Error', message: 'away', code: 'ECONNREFUSED' })
    expect(JSON.stringify(last()))
      .to.match(/at .*logger\.test/)
      .and.not.include('hunter2')
  })
})
