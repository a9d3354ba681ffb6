// The door of connection/: listeners and routing.
export { listen, type Listener, type ListenOptions, type PlainHandler } from './listen.ts'
export { createRouter, type Route, type Router, type RouterOptions } from './route.ts'
