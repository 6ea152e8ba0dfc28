import { expect } from 'chai'
import { parseRedisUrl } from '../../src/lib/redis-url.ts'

const problemOf = (url: string): string => {
  try {
    parseRedisUrl(url)
  } catch (error) {
    expect(error).to.be.instanceOf(TypeError)
    return (error as Error).message
  }
  return 'none'
}

describe('REDIS_URL', () => {
  it('names one server', () => {
    expect(parseRedisUrl('redis://cache')).to.deep.equal({
      ...{ kind: 'single', tls: false, server: { host: 'cache', port: 6379 }, db: 0 },
    })
    expect(parseRedisUrl('rediss://ann:p%40ss%2F%3A@[::1]:7000/3')).to.deep.equal({
      ...{ kind: 'single', tls: true, username: 'ann', password: 'p@ss/:' },
      ...{ server: { host: '::1', port: 7000 }, db: 3 },
    })
    expect(parseRedisUrl('redis://:hunter2@10.0.0.1:6380/')).to.deep.equal({
      ...{ kind: 'single', tls: false, password: 'hunter2', server: { host: '10.0.0.1', port: 6380 }, db: 0 },
    })
    expect(parseRedisUrl('redis://:p@s/s@host'), 'not encoded, and yet clear').to.include({
      password: 'p@s/s',
    })
  })

  it('names Sentinels and the master they watch', () => {
    const sentinels = [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 5000 },
    ]
    expect(parseRedisUrl('redis+sentinel://a,b:5000/my%20master')).to.deep.equal({
      ...{ kind: 'sentinel', tls: false, sentinels, master: 'my master', db: 0, sentinelPassword: undefined },
    })
    expect(parseRedisUrl('rediss+sentinel://ann:x@a,b:5000/m/2?sentinelPassword=s%26@')).to.deep.equal({
      ...{ kind: 'sentinel', tls: true, username: 'ann', password: 'x' },
      ...{ sentinels, master: 'm', db: 2, sentinelPassword: 's&@' },
    })
  })

  it('names nodes of a Cluster', () => {
    expect(parseRedisUrl('redis+cluster://:pw@a:7001,b:7002,c')).to.deep.equal({
      ...{ kind: 'cluster', tls: false, password: 'pw' },
      nodes: [
        { host: 'a', port: 7001 },
        { host: 'b', port: 7002 },
        { host: 'c', port: 6379 },
      ],
    })
    expect(parseRedisUrl('rediss+cluster://a/')).to.include({ kind: 'cluster', tls: true })
  })

  const REFUSED: [string, RegExp][] = [
    ['', /must be a URL/],
    ['localhost:6379', /must be a URL/],
    ['http://:hunter2@a', /must be a URL/],
    ['redis+single://a', /must be a URL/],
    ['redis://', /names no host/],
    ['redis://::1', /names no host/],
    ['redis://a:x', /port/],
    ['redis://a:0', /port/],
    ['redis://a:65536', /port/],
    ['redis://a:', /port/],
    ['redis://:hunter2?x@a', /names no host|port|query/],
    ['redis://a,b', /several servers/],
    ['redis://a/x', /number of a database/],
    ['redis://a/1/2', /number of the database/],
    ['redis://a?db=1', /query/],
    ['redis://:hunter2%@a', /percent-encoded/],
    ['redis+sentinel://a,b', /must name the master/],
    ['redis+sentinel://a,b/', /must name the master/],
    ['redis+sentinel://a,,b/m', /names no host/],
    ['redis+sentinel://a/m/x', /number of a database/],
    ['redis+sentinel://a/m?password=hunter2', /sentinelPassword/],
    ['redis+sentinel://a/m?sentinelPassword=', /sentinelPassword/],
    ['redis+cluster://a/0', /must not name a database/],
    ['redis+cluster://a?x=1', /query/],
  ]
  for (const [url, words] of REFUSED) {
    it(`refuses "${url}" in words, without what is in it`, () => {
      expect(problemOf(url)).to.match(words).and.not.include('hunter2')
    })
  }
})
