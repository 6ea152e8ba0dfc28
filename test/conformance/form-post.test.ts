import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('form post', GROUPS.formPost)
