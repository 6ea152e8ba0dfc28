import { expect } from 'chai'
import { lint } from '../../src/domain/clients/lint.ts'
import {
  type Actor,
  actorChain,
  exchangeContradictions,
  exchangePolicyOf,
  narrowedScopes,
  TOKEN_EXCHANGE,
} from '../../src/domain/exchange/policy.ts'

const policy = { audiences: ['https://a.example'] }
const exchanging = { grant_types: [TOKEN_EXCHANGE], token_exchange: policy }

describe('the policy of token exchange', () => {
  it('is nobody’s unless it says whose, in exactly its form', () => {
    expect(exchangePolicyOf(policy)).to.deep.equal({ ...policy, mode: 'delegation' })
    expect(exchangePolicyOf({ ...policy, mode: 'impersonation' })?.mode).to.equal('impersonation')
    for (const value of [
      ...[undefined, null, true, 'all', [], {}, { audiences: [] }, { audiences: 'https://a.example' }],
      ...[{ audiences: [1] }, { ...policy, mode: 'both' }, { ...policy, more: 1 }],
    ])
      expect(exchangePolicyOf(value), JSON.stringify(value)).to.equal(undefined)
  })

  it('contradicts what cannot go with it, in a sentence about the member', () => {
    const members = (metadata: object) => exchangeContradictions({ ...metadata }).map(({ member }) => member)
    expect(members({})).to.deep.equal([])
    expect(members(exchanging)).to.deep.equal([])
    expect(members({ grant_types: [TOKEN_EXCHANGE] })).to.deep.equal(['grant_types'])
    expect(members({ token_exchange: policy })).to.deep.equal(['grant_types'])
    expect(members({ ...exchanging, token_exchange: { audiences: [] } })).to.deep.equal(['token_exchange'])
    expect(members({ ...exchanging, token_endpoint_auth_method: 'none' })).to.deep.equal([
      'token_endpoint_auth_method',
    ])
    for (const member of ['dpop_bound_access_tokens', 'tls_client_certificate_bound_access_tokens'])
      expect(members({ ...exchanging, [member]: true })).to.deep.equal([member])
  })

  it('is part of what client-lint sees', () => {
    const codes = (metadata: object) =>
      lint({ metadata: { ...metadata }, source: 'configuration', firstParty: false, status: 'active' }).map(
        ({ code, severity }) => `${severity} ${code}`,
      )
    expect(codes({ ...exchanging, profile: 'hardened' })).to.include('error token-exchange-contradicted')
    expect(codes({ ...exchanging, token_exchange: { ...policy, mode: 'impersonation' } })).to.include(
      'warning exchange-impersonates',
    )
    expect(codes(exchanging).filter((code) => code.includes('exchange'))).to.deep.equal([])
  })
})

describe('what comes of an exchange', () => {
  const given = { shown: new Set(['read', 'write', 'email']), known: new Set(['read', 'write', 'admin']) }

  it('has scopes that both sides know, and never another', () => {
    expect(narrowedScopes([], given)).to.deep.equal(['read', 'write'])
    expect(narrowedScopes(['write'], given)).to.deep.equal(['write'])
    for (const asked of [['admin'], ['email'], ['read', 'admin'], ['nothing']])
      expect(narrowedScopes(asked, given), asked.join()).to.equal(undefined)
    expect(narrowedScopes([], { ...given, shown: new Set() })).to.equal(undefined)
  })

  it('names who acts in front of those who acted before, five at most', () => {
    expect(actorChain(undefined, undefined)).to.equal(undefined)
    expect(actorChain({ sub: 'b' }, { sub: 'a' })).to.deep.equal({ sub: 'b', act: { sub: 'a' } })
    expect(actorChain(undefined, { sub: 'a' }), 'nobody is left out').to.deep.equal({ sub: 'a' })
    let chain: Actor | undefined
    for (let acted = 1; acted <= 5; acted += 1) chain = actorChain({ sub: `${acted}` }, chain) as Actor
    expect(JSON.stringify(chain).match(/sub/g)).to.have.length(5)
    expect(actorChain({ sub: '6' }, chain)).to.equal(false)
  })
})
