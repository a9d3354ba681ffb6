// The door of connection/: listeners and routing.
export { type Listener } from './bind.ts'
export { listen, type ListenOptions, type PlainHandler } from './listen.ts'
export { listenBytes, type ListenBytesOptions } from './listen-bytes.ts'
export { createRouter, type Route, type Router, type RouterOptions } from './route.ts'
