// All attacks. The order is part of a row's identity only through its canary; rows are appended, never taken out.
import { alike } from './alike.ts'
import { behind } from './behind.ts'
import { derived } from './derived.ts'
import { destruction } from './destruction.ts'
import { functions } from './functions.ts'
import { further } from './further.ts'
import { inference } from './inference.ts'
import { laundering } from './laundering.ts'
import { messages } from './messages.ts'
import { names } from './names.ts'
import { objects } from './objects.ts'
import { projection } from './projection.ts'
import { protocol } from './protocol.ts'
import { shadows } from './shadows.ts'
import { shapes } from './shapes.ts'

export const rows = [...projection, ...functions, ...objects, ...laundering, ...protocol, ...messages, ...inference, ...destruction, ...names, ...further, ...alike, ...shapes, ...derived, ...behind, ...shadows]
