/** Standard claims as an operator writes them down: which are taken, and what is said of the others. */
import { expect } from 'chai'
import { profileOfClaims } from '../../src/domain/users/profile-claims.ts'
import type { User } from '../../src/domain/users/user.ts'
import { CLAIMS_BY_SCOPE, claimsOf } from '../../src/oidc/claims.ts'

const CLAIMS = {
  name: 'Ada King',
  given_name: 'Ada',
  family_name: 'King',
  middle_name: 'Augusta',
  nickname: 'Countess',
  profile: 'https://people.example/ada',
  picture: 'https://people.example/ada.png',
  website: 'https://ada.example',
  gender: 'female',
  birthdate: '1815-12-10',
  zoneinfo: 'Europe/London',
  locale: 'en-GB',
  phone_number: '+1 (425) 555-1212',
  phone_number_verified: true,
  address: {
    formatted: '12 St James’s Square\nLondon',
    street_address: '12 St James’s Square',
    locality: 'London',
    region: 'England',
    postal_code: 'SW1Y 4JH',
    country: 'UK',
  },
}
const user = (profile: User['profile']): User => ({
  ...{ id: 'usr_ada', email: 'ada@example.org', emailVerified: true, username: 'ada', status: 'active' },
  ...{ accessFrom: undefined, createdAt: new Date(0), updatedAt: new Date(0), profile },
})

describe('claims that an operator writes down', () => {
  it('come out as they went in, all that there are (OpenID Connect Core 5.1)', () => {
    const claims = claimsOf(user(profileOfClaims(CLAIMS)))
    expect(claims).to.deep.include(CLAIMS)
    const every = ['profile', 'email', 'address', 'phone'] as const
    expect(claims).to.include.keys(...every.flatMap((scope) => [...CLAIMS_BY_SCOPE[scope]]))
  })

  it('may be few', () => {
    expect(profileOfClaims({})).to.deep.equal({})
    expect(profileOfClaims({ birthdate: '1815' })).to.deep.equal({ birthdate: '1815' })
  })

  const WRONG: [claims: unknown, says: string][] = [
    [[], 'must be a JSON object'],
    [{ email: 'eve@example.org' }, 'email is no claim that is set here'],
    [{ sub: 'usr_eve' }, 'sub is no claim'],
    [{ constructor: 'x' }, 'constructor is no claim'],
    [{ name: 7 }, 'name must be plain text'],
    [{ name: ' ' }, 'name must be plain text'],
    [{ name: 'x'.repeat(501) }, 'name must be plain text'],
    [{ name: 'Ada\u202egniK' }, 'name must be plain text'],
    [{ name: 'Ada\u0000' }, 'name must be plain text'],
    [{ picture: 'javascript:alert(1)' }, 'picture must be a web address'],
    [{ birthdate: '10.12.1815' }, 'birthdate must be'],
    [{ phone_number: 'call me' }, 'phone_number must be'],
    [{ phone_number_verified: true }, 'says nothing without phone_number'],
    [{ phone_number: '+1 425', phone_number_verified: 'yes' }, 'must be true or false'],
    [{ address: 'London' }, 'address must be an object'],
    [{ address: { planet: 'Earth' } }, 'address: planet is no claim'],
  ]
  for (const [claims, says] of WRONG)
    it(`are refused: ${JSON.stringify(claims).slice(0, 60)}`, () => {
      expect(() => profileOfClaims(claims)).to.throw(TypeError, says)
    })

  it('are all named that are wrong', () => {
    expect(() => profileOfClaims({ name: 7, birthdate: 'x' })).to.throw(/name.*\n.*birthdate/)
  })
})
