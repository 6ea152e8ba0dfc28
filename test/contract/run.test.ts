/** Every store on every backend: one suite per port, one database per backend. */
import { type Backend, ephemeralBackends, redisSets, selected, sqlBackends } from '../support/backends.ts'
import { artifactRevocationContract } from './artifact-revocation.contract.ts'
import { artifactStoreContract } from './artifact-store.contract.ts'
import { ephemeralContract } from './ephemeral.contract.ts'
import { auditContract } from './repositories/audit.contract.ts'
import { authorizationTypesContract } from './repositories/authorization-types.contract.ts'
import { clientDocumentsContract } from './repositories/client-documents.contract.ts'
import { clientsContract } from './repositories/clients.contract.ts'
import { consentsContract } from './repositories/consents.contract.ts'
import { deploymentSecretsContract } from './repositories/deployment-secrets.contract.ts'
import { emailProofsContract } from './repositories/email-proofs.contract.ts'
import { failuresContract } from './repositories/failures.contract.ts'
import { idempotencyContract } from './repositories/idempotency.contract.ts'
import { initialAccessTokensContract } from './repositories/initial-access-tokens.contract.ts'
import { mailboxContract } from './repositories/mailbox.contract.ts'
import { outboxContract } from './repositories/outbox.contract.ts'
import { peopleContract } from './repositories/people.contract.ts'
import { resourceServersContract } from './repositories/resource-servers.contract.ts'
import { settingsContract } from './repositories/settings.contract.ts'
import { signingKeysContract } from './repositories/signing-keys.contract.ts'
import { transactionContract } from './repositories/transaction.contract.ts'
import { usersContract } from './repositories/users.contract.ts'
import { webhooksContract } from './repositories/webhooks.contract.ts'

type Contract<Instance> = (instance: () => Instance) => void

function hold<Instance>(backends: Backend<Instance>[], contracts: Record<string, Contract<Instance>>): void {
  for (const backend of selected(backends)) {
    describe(`on ${backend.name}`, () => {
      let instance: Instance & { dispose(): Promise<void> }
      before(async function () {
        this.timeout(120_000)
        instance = await backend.fresh()
      })
      after(() => instance?.dispose())
      for (const [name, contract] of Object.entries(contracts)) describe(name, () => contract(() => instance))
    })
  }
}

describe('contract', () => {
  hold(sqlBackends, {
    'artifact store': artifactStoreContract,
    'artifact revocation': artifactRevocationContract,
    users: usersContract,
    people: peopleContract,
    idempotency: idempotencyContract,
    'e-mail proofs': emailProofsContract,
    outbox: outboxContract,
    audit: auditContract,
    clients: clientsContract,
    'client documents': clientDocumentsContract,
    'initial access tokens': initialAccessTokensContract,
    consents: consentsContract,
    'resource servers': resourceServersContract,
    'signing keys': signingKeysContract,
    settings: settingsContract,
    'deployment secrets': deploymentSecretsContract,
    failures: failuresContract,
    'authorization types': authorizationTypesContract,
    mailbox: mailboxContract,
    webhooks: webhooksContract,
    transaction: transactionContract,
  })
  hold([...ephemeralBackends, ...redisSets], { ephemeral: ephemeralContract })
})
