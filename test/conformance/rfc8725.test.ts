import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('attacks of RFC 8725', GROUPS.rfc8725)
