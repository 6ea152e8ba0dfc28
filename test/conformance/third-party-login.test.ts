import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('third-party initiated login', GROUPS.thirdPartyLogin)
