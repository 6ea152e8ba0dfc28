import { expect } from 'chai'
import {
  audiencesOf,
  DEFAULTS,
  faultsOf,
  metadataPath,
  type ResourceServerSettings,
} from '../../src/domain/resources/resource-server.ts'

const fine: ResourceServerSettings = {
  ...DEFAULTS,
  audience: 'https://api.example',
  scopes: [{ name: 'read' }],
}
const faults = (changes: Partial<ResourceServerSettings>) =>
  faultsOf({ ...fine, ...changes }, ['ES256', 'RS256']).map(({ member }) => member)

describe('the rules of a resource server', () => {
  it('let pass what is fine', () => {
    for (const changes of [
      {},
      { audience: 'urn:example:api' },
      { audience: 'http://localhost:3001/api', publishMetadata: true },
      { tokenTtl: 30 },
      { tokenTtl: 86_400, tokenFormat: 'opaque' },
      { signingAlgorithm: 'RS256', clients: ['a', 'b'] },
      { scopes: [{ name: 'a:b/c.d', description: 'Was darf’s sein?' }], name: 'Bücher' },
      { documentation: 'https://docs.example/x?y' },
    ] satisfies Partial<ResourceServerSettings>[])
      expect(faults(changes), JSON.stringify(changes)).to.deep.equal([])
  })

  it('name the member of each fault', () => {
    for (const audience of [
      '',
      'relative',
      '/x',
      'https://x.example/#f',
      'https://x y.example',
      `urn:${'x'.repeat(600)}`,
    ])
      expect(faults({ audience }), audience.slice(0, 30)).to.deep.equal(['audience'])
    for (const scopes of [
      [],
      [{ name: '' }],
      [{ name: 'a b' }],
      [{ name: 'a"b' }],
      [{ name: 'é' }],
      [{ name: 'email' }],
      [{ name: 'x', description: '' }],
      [{ name: 'x', description: 'a\nb' }],
      [{ name: 'x' }, { name: 'x' }],
    ])
      expect(faults({ scopes }), JSON.stringify(scopes)).to.deep.equal(['scopes'])
    for (const tokenTtl of [0, 29, 86_401, 1.5, Number.NaN])
      expect(faults({ tokenTtl })).to.deep.equal(['tokenTtl'])
    expect(faults({ signingAlgorithm: 'PS256' })).to.deep.equal(['signingAlgorithm'])
    expect(faults({ tokenFormat: 'paseto' as never })).to.deep.equal(['tokenFormat'])
    expect(faults({ clients: ['a b'] })).to.deep.equal(['clients'])
    expect(faults({ name: 'a\u202eb' })).to.deep.equal(['name'])
    expect(faults({ documentation: 'javascript:alert(1)' })).to.deep.equal(['documentation'])
    for (const audience of ['urn:example:api', 'http://api.example', 'https://api.example/?x'])
      expect(faults({ audience, publishMetadata: true }), audience).to.deep.equal(['publishMetadata'])
  })

  it('find an audience by the path of its metadata, and by no other', () => {
    for (const audience of [
      'https://a.example',
      'https://a.example/',
      'https://a.example/b/c',
      'http://localhost:1/x',
    ])
      expect(audiencesOf(String(metadataPath(audience)))).to.include(audience)
    expect(audiencesOf('a.example/b')).to.deep.equal(['https://a.example/b'])
    for (const path of ['', '/', 'user@a.example', 'a.example?b', 'a b'])
      expect(audiencesOf(path), path).to.deep.equal([])
  })
})
