import { expect } from 'chai'
import {
  can,
  denial,
  OWN,
  PERMISSION_NAMES,
  permissionsOf,
  ROLES,
  type Role,
} from '../../src/domain/permissions/permissions.ts'

const held = (roles: string[]) => permissionsOf(roles.map((name) => ({ name })))
const actor = (roles: string[], scopes: readonly string[] = PERMISSION_NAMES) => ({
  userId: 'a',
  permissions: held(roles),
  scopes,
})
const target = (userId: string, roles: string[]) => ({ userId, permissions: held(roles) })

describe('permissions', () => {
  it('are what person and app may both do', () => {
    expect(denial(actor(['owner'], ['users:read']), 'users:write')).to.equal('scope')
    expect(denial(actor([]), 'users:write')).to.equal('role')
    expect(can(actor(['owner'], ['users:write']), 'users:write')).to.equal(true)
  })

  it('of one’s own are everybody’s, with one’s own', () => {
    for (const permission of OWN) {
      expect(can(actor([]), permission, target('a', ['owner']))).to.equal(true)
      if (permission === 'account:write')
        expect(denial(actor(['owner']), permission, target('b', []))).to.equal('target')
    }
  })

  it('do not reach people who may more, except to read', () => {
    const owner = target('o', ['owner'])
    expect(denial(actor(['admin']), 'users:write', owner)).to.equal('target')
    expect(can(actor(['admin']), 'users:read', owner)).to.equal(true)
    expect(can(actor(['admin']), 'users:write', target('x', ['admin', 'support']))).to.equal(true)
    // Two roles that each lack something may together have it all.
    expect(can(actor(['support', 'auditor']), 'sessions:write', target('x', ['auditor']))).to.equal(true)
    expect(denial(actor(['support']), 'sessions:write', target('x', ['auditor']))).to.equal('target')
  })

  it('do not reach further than the app was given, whoever its person is', () => {
    const narrow = actor(['owner'], ['users:read', 'users:write'])
    for (const id of ['o', 'a'])
      expect(denial(narrow, 'users:write', target(id, ['owner'])), id).to.equal('target')
    expect(can(narrow, 'users:read', target('o', ['owner']))).to.equal(true)
    expect(can(narrow, 'users:write', target('x', []))).to.equal(true)
  })

  it('are not widened by a name that is no role, nor by what objects inherit', () => {
    for (const name of ['emperor', 'constructor', '__proto__', 'toString'])
      expect(denial(actor([name]), 'users:read')).to.equal('role')
  })

  it('of a role that was made here are those it names, and of them those there are', () => {
    const custom = permissionsOf([{ name: 'desk', permissions: ['users:read', 'users:fly'] }])
    expect([...custom]).to.deep.equal([...OWN, 'users:read'])
    // Nobody makes a built-in role another by a row of its name.
    const named = permissionsOf([{ name: 'support', permissions: ['roles:write'] }])
    expect(named.has('roles:write')).to.equal(false)
  })

  it('only an owner gives and takes roles', () => {
    expect(
      Object.keys(ROLES).filter((name) => (ROLES[name as Role] as readonly string[]).includes('roles:write')),
    ).to.deep.equal(['owner'])
    expect(ROLES.owner).to.have.members(PERMISSION_NAMES)
  })
})
