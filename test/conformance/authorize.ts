// Preloaded into the conformance suite's process, which has no option for headers: a token on every request it makes,
// by fetch, by its own undici and by node:http, so that no scenario goes around the gateway's door.
import http from 'node:http'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import type { Agent, Dispatcher, setGlobalDispatcher } from 'undici'

const token = process.env['MCP_TEST_TOKEN']
if (token === undefined) throw new Error('MCP_TEST_TOKEN is not set')
const authorization = `Bearer ${token}`

/** The suite's own copy: its major version says which of undici's global dispatchers is asked. Node's fetch asks the same. */
const undici = createRequire(process.argv[1] ?? import.meta.url)('undici') as { Agent: typeof Agent; setGlobalDispatcher: typeof setGlobalDispatcher }
undici.setGlobalDispatcher(new undici.Agent().compose((dispatch) => (options, handler) => dispatch({ ...options, headers: authorized(options.headers) }, handler)))

/** A flat list, whatever the caller's form was: names and values in turn. */
function authorized(headers: Dispatcher.DispatchOptions['headers']): string[] {
  if (Array.isArray(headers)) return [...headers, 'authorization', authorization]
  const pairs = headers === null || headers === undefined ? [] : Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  const flat = pairs.flatMap(([name, value]) => value === undefined ? [] : [value].flat().flatMap((one) => [String(name), String(one)]))
  return [...flat, 'authorization', authorization]
}

const request = http.request
http.request = function (...args: unknown[]) {
  const options = args.find((arg): arg is http.RequestOptions => typeof arg === 'object' && arg !== null && !(arg instanceof URL))
  if (options !== undefined) options.headers = { ...options.headers as http.OutgoingHttpHeaders, authorization }
  return Reflect.apply(request, this, args) as http.ClientRequest
}
syncBuiltinESMExports()
