// The door of the decision log: what was decided, for whoever collects OPA's events. The record is evidence; this is a copy for convenience.
export { eventOf, type Logged } from './event.ts'
export { createFileSink } from './file-sink.ts'
export { createHttpSink } from './http-sink.ts'
export { createDecisionLog, type DecisionLog, type Sink } from './queue.ts'
