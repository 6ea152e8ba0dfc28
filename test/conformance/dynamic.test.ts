import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('dynamic', GROUPS.dynamic)
