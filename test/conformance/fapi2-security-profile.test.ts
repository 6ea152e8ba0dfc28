import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('FAPI 2.0 security profile', GROUPS.fapi2)
