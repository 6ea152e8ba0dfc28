import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('attacks of RFC 9700', GROUPS.rfc9700)
