import { GROUPS } from './checks/groups.ts'
import { conform } from './harness/conform.ts'

conform('front-channel logout', GROUPS.frontchannelLogout)
