/** Nobody asks without end, and everybody sees how much is left. */
import { expect } from 'chai'
import { CONSOLE, newCaller } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'

const options = { people: [], overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 5 } } }

onEveryStack('the API: rate', options, (app) => {
  it('counts each person for themselves, and refuses with the time to wait', async () => {
    const [ada, eve] = [await newCaller(app, 'ada'), await newCaller(app, 'eve')]
    const all = await Promise.all(Array.from({ length: 8 }, () => ada.get('/api/v1/users/me')))
    expect(all.map(({ status }) => status).sort()).to.deep.equal([200, 200, 200, 200, 200, 429, 429, 429])
    const refused = all.find(({ status }) => status === 429)
    expect(refused?.json).to.include({ code: 'throttled', status: 429 })
    expect(refused?.headers.get('ratelimit')).to.match(/^"person";r=0;t=\d+$/)
    expect(Number(refused?.headers.get('retry-after'))).to.be.within(1, 60)
    const left = all.map(({ headers }) => Number(/r=(\d+)/.exec(String(headers.get('ratelimit')))?.[1]))
    expect(new Set(left)).to.deep.equal(new Set([0, 1, 2, 3, 4]))
    expect((await eve.get('/api/v1/users/me')).status).to.equal(200)
  })
})
