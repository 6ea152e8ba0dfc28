import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { token } from '../../support/samples.ts'

export function deploymentSecretsContract(instance: () => SqlInstance): void {
  const secrets = () => instance().database.deploymentSecrets
  const never = () => {
    throw new Error('made a second time')
  }

  it('are made once, however many ask at the same moment', async () => {
    const name = token()
    const told = await Promise.all(Array.from({ length: 16 }, () => secrets().once(name, token)))
    expect(new Set(told).size).to.equal(1)
    expect(await secrets().once(name, never)).to.equal(told[0])
    expect(await secrets().once(token(), token)).to.not.equal(told[0])
  })

  it('stand in the table sealed, each in its own place', async () => {
    const [one, other] = [token(), token()]
    const secret = await secrets().once(one, token)
    await secrets().once(other, token)
    const { knex } = instance().connection
    const { sealed } = await knex('deployment_secrets').where({ name: one }).first()
    expect(sealed.toString('latin1')).to.not.include(secret)
    await knex('deployment_secrets').where({ name: other }).update({ sealed })
    const moved = await secrets()
      .once(other, never)
      .catch((error: Error) => error.message)
    expect(moved).to.match(/cannot be opened/)
  })
}
