/** The sign-in's only decision, as a table and over every combination: no login without password and proven address. */
import { expect } from 'chai'
import { nextStep, type SignInPolicy, type Step } from '../../src/domain/sign-in/next-step.ts'
import type { Progress } from '../../src/domain/sign-in/progress.ts'
import type { User } from '../../src/domain/users/user.ts'

const NOW = new Date('2026-11-21T10:00:00Z')
const user = (changes: Partial<User> = {}): User => ({
  id: 'usr_jane',
  email: 'jane@example.org',
  emailVerified: true,
  username: undefined,
  status: 'active',
  accessFrom: undefined,
  profile: {},
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})
const proof = { id: 'prf_1', email: 'jane@example.org', sentAt: 1 }
const policy = (changes: Partial<SignInPolicy> = {}): SignInPolicy => ({
  verifiedEmail: true,
  chooseAccount: false,
  createAccount: false,
  ...changes,
})

const TABLE: [what: string, Progress, User | undefined, Partial<SignInPolicy>, Step][] = [
  ['nothing yet', {}, undefined, {}, 'identify'],
  ['nothing yet, and accounts to choose from', {}, undefined, { chooseAccount: true }, 'select-account'],
  [
    'another account was asked for',
    { wish: 'other-account' },
    undefined,
    { chooseAccount: true },
    'identify',
  ],
  ['registration was asked for', { wish: 'register' }, undefined, {}, 'register'],
  [
    'registration, and accounts to choose from',
    { wish: 'register' },
    undefined,
    { chooseAccount: true },
    'register',
  ],
  ['an account is to be made', {}, undefined, { createAccount: true }, 'register'],
  [
    'an account was to be made, and its mail is waited for',
    { proof },
    undefined,
    { createAccount: true },
    'verify-email',
  ],
  [
    'an account was to be made, and somebody has one',
    { userId: 'usr_jane' },
    user(),
    { createAccount: true },
    'done',
  ],
  ['a registration waits for its mail', { proof }, undefined, {}, 'verify-email'],
  [
    'it waits whatever else was asked for',
    { proof, wish: 'register' },
    undefined,
    { chooseAccount: true },
    'verify-email',
  ],
  ['a name was typed and nothing proven', { identifier: 'jane' }, undefined, {}, 'identify'],
  ['the password was right', { userId: 'usr_jane' }, user(), {}, 'done'],
  [
    'the password was right, address unproven',
    { userId: 'usr_jane' },
    user({ emailVerified: false }),
    {},
    'verify-email',
  ],
  [
    'unproven, and a mail is out',
    { userId: 'usr_jane', proof },
    user({ emailVerified: false }),
    {},
    'verify-email',
  ],
  ['proven meanwhile', { userId: 'usr_jane', proof }, user(), {}, 'done'],
  [
    'unproven where no proof is asked',
    { userId: 'usr_jane' },
    user({ emailVerified: false }),
    { verifiedEmail: false },
    'done',
  ],
  ['disabled meanwhile', { userId: 'usr_jane' }, user({ status: 'disabled' }), {}, 'identify'],
  ['deleted meanwhile', { userId: 'usr_jane' }, undefined, {}, 'identify'],
  ['somebody else was loaded', { userId: 'usr_jane' }, user({ id: 'usr_joe' }), {}, 'identify'],
  ['a user without a proof in the progress', {}, user(), {}, 'identify'],
  [
    'a chooser does not hold up who is proven',
    { userId: 'usr_jane' },
    user(),
    { chooseAccount: true },
    'done',
  ],
]

describe('the next step of a sign-in', () => {
  for (const [what, progress, account, rules, step] of TABLE)
    it(`${what}: ${step}`, () => {
      expect(nextStep(progress, account, policy(rules))).to.equal(step)
    })

  it('is "done" for no combination without the account proven, active and its address proven', () => {
    const some = <T>(value: T) => [undefined, value]
    let done = 0
    let seen = 0
    for (const userId of ['usr_jane', 'usr_joe', '', undefined])
      for (const withProof of some(proof))
        for (const wish of ['register', 'other-account', undefined] as const)
          for (const account of [
            undefined,
            ...[true, false].flatMap((emailVerified) =>
              (['active', 'disabled'] as const).map((status) => user({ emailVerified, status })),
            ),
          ])
            for (const verifiedEmail of [true, false])
              for (const [chooseAccount, createAccount] of [
                [true, false],
                [false, false],
                [false, true],
              ] as const) {
                const progress: Progress = {
                  ...(userId === undefined ? {} : { userId }),
                  ...(withProof ? { proof: withProof } : {}),
                  ...(wish ? { wish } : {}),
                }
                const step = nextStep(progress, account, { verifiedEmail, chooseAccount, createAccount })
                seen += 1
                const may =
                  userId !== undefined &&
                  account?.id === userId &&
                  account.status === 'active' &&
                  (account.emailVerified || !verifiedEmail)
                if (step === 'done') done += 1
                expect(step === 'done', JSON.stringify({ progress, account, verifiedEmail })).to.equal(may)
              }
    expect(seen).to.equal(720)
    expect(done).to.be.above(0)
  })
})
