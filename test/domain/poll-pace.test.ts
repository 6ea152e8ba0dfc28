/** RFC 8628 3.5, on a clock that is moved. That all nodes count alike is the contract of the store. */
import { expect } from 'chai'
import { POLL_INTERVAL, PollPace } from '../../src/domain/protection/poll-pace.ts'
import { MemoryEphemeral } from '../../src/storage/memory/ephemeral.ts'

describe('the pace of polls', () => {
  let seconds = 0
  let pace: PollPace
  beforeEach(() => {
    seconds = 0
    pace = new PollPace(new MemoryEphemeral(() => seconds * 1000))
  })
  /** Polls at these seconds, told apart: `-` in time, `!` too soon. */
  async function polls(...times: number[]): Promise<string> {
    const answers: string[] = []
    for (const time of times) {
      seconds = time
      answers.push((await pace.isTooSoon('code', 600)) ? '!' : '-')
    }
    return answers.join('')
  }

  it('lets those who keep to the interval ask for ever, also when one answer was late', async () => {
    expect(POLL_INTERVAL).to.equal(5)
    expect(await polls(...Array.from({ length: 100 }, (_, n) => n * 5))).to.equal('-'.repeat(100))
    expect(await polls(1000, 1004.2, 1009.9, 1014)).to.equal('----')
  })

  it('asks for five seconds more each time, from that poll on, and for all that follow', async () => {
    expect(await polls(0, 2, 11.5, 21), 'ten after the first').to.equal('-!--')
    expect(await polls(26, 40, 50), 'fifteen after the second').to.equal('!-!')
    expect(await polls(69.5, 88.7, 108)).to.equal('---')
  })

  it('does not forgive who just goes on', async () => {
    expect(await polls(0, 1, 2, 3, 4, 5, 6)).to.equal('-!!!!!!')
  })

  it('holds one code only', async () => {
    expect(await polls(0, 1)).to.equal('-!')
    expect(await pace.isTooSoon('another', 600)).to.equal(false)
  })
})
